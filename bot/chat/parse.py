"""What somebody typed -> verb, numbers, duration, words. Any text is understood as something."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from bot.chat.holds import read_hold
from storage.errors import nearest
from storage.model.incident import IncidentId

_NUMBERS = re.compile(r"#?[0-9]+(,#?[0-9]+)*[,:;]?")
SHORT = {
    **{"aa": ["ack", "mine"], "res": ["resolve"], "esc": ["escalate"]},
    **{word: ["verdict", word] for word in ("real", "false", "none")},
}
"""What is quick to type on a phone, from every mouth."""
UNTIMED = ("resolve", "escalate")
"""Verbs that take no duration: one behind them is part of the note."""
_LONGEST_NUMBER = 18  # digits; more would fit no database, and no incident has such a number


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A sentence taken apart; `bot.chat.verb.Ask` explains the fields."""

    verb: str
    incidents: tuple[IncidentId, ...] = ()
    hold: timedelta | None = None
    words: tuple[str, ...] = ()


def parse(text: str) -> Said:
    """Take a sentence apart: `/ack #12,13 for 2h looking`, `tocsin snooze 12 30m`.

    Numbers stand right behind the verb; a duration (`2h`, `90 min`) stands behind them, behind the
    first word (`oncall take 8h`), or at the very end with `for` (`ack 12 looking at it for 2h`).
    Numbers and durations elsewhere are part of the note.
    """
    tokens = text.split()
    if tokens and tokens[0].lower().lstrip("/") == "tocsin":
        tokens = tokens[1:]
    if not tokens:
        return Said(verb="")
    verb = tokens[0].lower().removeprefix("/")
    verb, *rest = [*SHORT.get(verb, [verb]), *tokens[1:]]
    if verb in UNTIMED:
        incidents, _, words = _front(rest, holds=False)
        return Said(verb=verb, incidents=tuple(dict.fromkeys(incidents)), words=tuple(words))
    incidents, hold, words = _front(rest)
    if hold is None and not incidents and len(words) > 1 and _may_hold(verb, words[0]):
        later, hold, behind = _front(words[1:], numbers=False)
        words = [words[0], *behind] if hold is not None else words
        incidents += later
    if hold is None:
        hold, words = _behind(words)
    return Said(verb=verb, incidents=tuple(dict.fromkeys(incidents)), hold=hold, words=tuple(words))


def _front(
    tokens: list[str], *, numbers: bool = True, holds: bool = True
) -> tuple[list[IncidentId], timedelta | None, list[str]]:
    """Take numbers and one duration off the front; return them and what is left.

    holds: False: a duration ends the numbers and is left where it is.
    """
    incidents: list[IncidentId] = []
    hold: timedelta | None = None
    while tokens:
        may_be_number = numbers and not incidents
        span, rest = (
            (None, tokens) if hold is not None else read_hold(tokens, numbered=may_be_number)
        )
        if span is not None and not holds:
            break
        if span is not None:
            hold, tokens = span, rest
        elif numbers and _NUMBERS.fullmatch(tokens[0]):
            found = re.findall("[0-9]+", tokens[0])
            incidents += [IncidentId(int(digits[:_LONGEST_NUMBER])) for digits in found]
            tokens = tokens[1:]
        else:
            break
    return incidents, hold, tokens


def _may_hold(verb: str, first: str) -> bool:
    """Say whether a duration may stand behind the first word: in `ack deployed 2 days ago` not."""
    selects = first.lower() in ("all", "mine") or "=" in first or "!~" in first
    return selects or verb != "ack"


def _behind(words: list[str]) -> tuple[timedelta | None, list[str]]:
    """Take `for 2 hours` off the end of a note."""
    places = [place for place, word in enumerate(words) if word.lower() == "for"]
    if places:
        hold, rest = read_hold(words[places[-1] :])
        if hold is not None and not rest:
            return hold, words[: places[-1]]
    return None, words


def unknown_verb(verb: str, known: Iterable[str]) -> str:
    """Say that there is no such verb, with the nearest guess."""
    names = sorted(known)
    if not verb:
        return f"Say what to do: {', '.join(names)}. `help <verb>` explains one."
    return (
        f"I do not know {verb[:40]!r}; {nearest(verb, names)}"
        f"I know: {', '.join(names)}. `help <verb>` explains one."
    )
