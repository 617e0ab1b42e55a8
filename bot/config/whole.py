"""The configuration together with the rules that it names: what starts, and what a reload swaps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.config.config import Config
from bot.config.read import config_of, rule_files_of
from routing.rules.read import read_rules
from routing.rules.rule import RuleGroup
from storage.documents import Faults, read_document
from storage.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A configuration and its rules, both sound. path: of the configuration's file."""

    path: Path
    config: Config
    groups: tuple[RuleGroup, ...]

    def __str__(self) -> str:
        """Count what is in it."""
        config, rules = self.config, sum(len(group.rules) for group in self.groups)
        return (
            f"people {len(config.people)}, policies {len(config.policies)}, "
            f"rule files {len(config.rule_files)}, rules {rules}, "
            f"channels {', '.join(config.channels) or 'none'}"
        )


def read_whole(path: Path, environ: Mapping[str, str]) -> Whole:
    """Read the configuration and its rules; raises ConfigError with every fault of all files."""
    faults, document = Faults(), read_document(path)
    files = rule_files_of(document, path.parent)
    try:
        config = config_of(document, path.parent, environ)
    except ConfigError as error:
        faults.take(error)
    try:
        groups = read_rules(files)
    except ConfigError as error:
        faults.take(error)
    faults.raise_all()
    return Whole(path=path, config=config, groups=groups)
