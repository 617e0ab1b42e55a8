"""The channels that a configuration can open, found by file and imported only when named."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

import bot.channels
from bot.config.fields import Duration, Folder, Switch
from bot.config.secret import Secret, basic
from routing.delivery.channel import ChannelKind

USERS = ("account_sid", "username")
"""Options that stand beside a secret in basic authentication."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A channel that the configuration names: its kind and its options."""

    kind: ChannelKind
    options: Any

    def secrets(self) -> list[str]:
        """Return the secrets among the options, also as basic authentication writes them."""
        values = [getattr(self.options, field.name) for field in fields(self.options)]
        users = filter(None, (getattr(self.options, name, "") for name in USERS))
        named = [inner for value in values if isinstance(value, dict) for inner in value.values()]
        found = [it.reveal() for it in (*values, *named) if isinstance(it, Secret)]
        return [*found, *(basic(user, secret) for user in users for secret in found)]


@cache
def names() -> tuple[str, ...]:
    """Name every channel there is, without importing one (some cost much memory).

    A file of the package is a channel where a line of it begins with `CHANNEL`.
    """
    found = []
    for folder in map(Path, bot.channels.__path__):
        for entry in iter_modules([str(folder)]):
            lines = (folder / f"{entry.name}.py").read_text().splitlines()
            if any(line.startswith("CHANNEL") for line in lines):
                found.append(entry.name)
    return tuple(sorted(found))


def kind(name: str) -> ChannelKind:
    """Import the channel of this name, which must be among `names()`."""
    found = import_module(f"{bot.channels.__name__}.{name}").CHANNEL
    assert isinstance(found, ChannelKind), f"{name}: CHANNEL is no ChannelKind"
    return found


_READ_AS: Mapping[Any, Any] = {
    timedelta: Duration,
    bool: Switch,
    Path: Folder,
    Path | None: Folder | None,
}


def section(options: type[Any]) -> type[BaseModel]:
    """Make a model of a channel's options dataclass: same keys, types and defaults."""
    hints = get_type_hints(options)
    keys: dict[str, Any] = {}
    for field in fields(options):
        default: Any = ...
        if field.default is not MISSING:
            default = field.default
        elif field.default_factory is not MISSING:
            default = Field(default_factory=field.default_factory)
        hint = hints[field.name]
        keys[field.name] = (_READ_AS.get(hint, hint), default)
    strict = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    return create_model(options.__name__, __config__=strict, **keys)


def options(kind: ChannelKind, read: BaseModel) -> Any:
    """Build the channel's options from its section; raises ValueError where they refuse."""
    values = {field.name: getattr(read, field.name) for field in fields(kind.options)}
    return kind.options(**values)
