"""`tocsin rules test`: plays promtool's unit tests of rules."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from storage.errors import ConfigError


def add_rules(rules: typer.Typer) -> None:
    """Add `test` to the commands about rule files."""
    rules.command("test")(rules_test)


def rules_test(
    files: Annotated[list[Path], typer.Argument(help="Files in promtool's unit-test format.")],
) -> None:
    """Play unit tests of rules; exit code 1 where one fails, 2 where a file cannot be read."""
    worst = max(map(_test, files), default=0)
    raise typer.Exit(worst)


def _test(path: Path) -> int:
    """Play one file, print how it went, return its exit code."""
    from routing.rules.read import read_rules
    from routing.rules.rehearsal import read_rehearsal
    from routing.rules.rehearsal_words import verdict_text
    from routing.rules.rehearse import rehearse

    try:
        rehearsal = read_rehearsal(path)
        groups = read_rules(rehearsal.rule_files)
    except ConfigError as error:
        print(f"Unit Testing:  {path}\n  FAILED:\n{error}\n")
        return 2
    for pattern in rehearsal.unmatched:
        print(f"{path}: no file is found by {pattern!r}", file=sys.stderr)
    played = rehearse(rehearsal, groups)
    print(verdict_text(str(path), played))
    return 1 if any(failures for _, failures in played) else 0
