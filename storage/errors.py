"""The errors that cross floors, and the sentences they share.

    BotError
    ├── ConfigError          the configuration (or a rule file) cannot be used
    ├── UnknownIncident      no incident has this number
    ├── UnknownSilence       no silence has this number
    ├── UnknownHeartbeat     nobody expects a heartbeat of this name
    ├── StaleIncident        another writer was faster; decide again
    ├── NotAllowed           the status, or the person's rights, forbid it
    ├── MetricsUnavailable   the numbers cannot be had now
    ├── QueryError           the query itself is wrong
    └── StorageUnavailable   the database or the disk refuses; try again later

Errors that only one module raises live beside it (`BadPayload`, `Rejected`, `TryLater`).
"""

from collections.abc import Iterable
from difflib import get_close_matches


class BotError(Exception):
    """An error whose text is fit to be shown to a person: where, what was found, what is right."""


class ConfigError(BotError):
    """The configuration cannot be used; `tocsin check` prints it and exits 2.

    Says where (file, line, path to the key), what was found, what would be right.
    """


class UnknownIncident(BotError):
    """No incident has the number that was asked for."""


class UnknownSilence(BotError):
    """No silence has the number that was asked for."""


class UnknownHeartbeat(BotError):
    """Nobody expects a heartbeat of the name that was called."""

    def __init__(self, got: str, known: Iterable[str]) -> None:
        listed = ", ".join(sorted(known)) or "none"
        hint = nearest(got, known)
        super().__init__(f"no heartbeat is called {got[:80]!r}; {hint}known: {listed}")


class StaleIncident(BotError):
    """The incident changed between load and save; the caller decides again on what is there now."""


class NotAllowed(BotError):
    """What was asked for is forbidden by the incident's status or by the person's rights."""


class MetricsUnavailable(BotError):
    """The numbers cannot be had now (store closed, remote unreachable); try later."""


class QueryError(BotError):
    """The query is wrong: syntax, types, an unknown function, a limit."""


class StorageUnavailable(BotError):
    """The database or the disk refuses to take anything now; nothing was stored, try later."""


def nearest(got: str, known: Iterable[str]) -> str:
    """Return `did you mean 'slack'? ` for a near miss, else an empty text."""
    close = get_close_matches(got, sorted(known), n=1)
    return f"did you mean {close[0]!r}? " if close else ""


def unknown_name(where: str, kind: str, got: str, known: Iterable[str]) -> ConfigError:
    """Build the error for a name that refers to nothing.

    >>> print(unknown_name("config.yaml:48 routes[2]", "channel", "slak", ["sms", "slack"]))
    config.yaml:48 routes[2]: no channel is called 'slak'; did you mean 'slack'? known: slack, sms
    """
    names = sorted(known)
    listed = ", ".join(names) or "none"
    return ConfigError(
        f"{where}: no {kind} is called {got!r}; {nearest(got, names)}known: {listed}"
    )
