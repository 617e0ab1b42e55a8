"""Words behind `ack` that name an incident, rather than say something about it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from bot.chat.verb import Ask, Reply
from bot.chat.wording import listed
from bot.chat.wording import standing as stands
from routing.delivery.words import flat, shortened
from routing.flow.desks import Desks
from storage.model.alert import Alert
from storage.model.incident import Incident, IncidentId, Status
from storage.sql import alerts, incidents

MOST_LOOKED_AT, MOST_ALERTS, MOST_NAMED = 500, 20, 5
OPEN = tuple(status for status in Status if status.is_open)
PLAIN = ("severity", "category")
"""Labels whose values are words of any sentence."""
_NAME = re.compile(r"\w*[a-z][A-Z]\w*|\w+_\w+", re.ASCII)
"""DiskFull, disk_full: what no note of one word looks like."""
_PAIR = re.compile(r"([A-Za-z_]\w*)[:/](\S+)")


@dataclass(frozen=True, slots=True)
class Called:
    """An open incident and what its alerts are called by. values: (label, value), in lower case."""

    incident: Incident
    names: frozenset[str]
    values: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, incident: Incident, of_it: Sequence[Alert]) -> "Called":
        """Read its names off its alerts."""
        pairs = {pair for alert in of_it for pair in alert.labels if pair[0] not in PLAIN}
        names = {incident.title, *(alert.name for alert in of_it)}
        return cls(
            incident,
            frozenset(name for name in names if name),
            frozenset((name, value.casefold()) for name, value in pairs),
        )

    def named_by(self, words: Sequence[str]) -> int:
        """Return how many words in front name it: its name, a label and its value, a value."""
        first, second = ([_plain(word) for word in words[:2]] + ["", ""])[:2]
        text = " ".join(words).casefold()
        names = {name.casefold() for name in self.names}
        if text in names:
            return len(words)
        if pair := _PAIR.fullmatch(first):
            return int(pair.groups() in self.values)
        if (first, second) in self.values:
            return 2
        is_value = len(words) == 1 and any(first == value for _, value in self.values)
        return int(first in names or is_value)


def _plain(word: str) -> str:
    return word.rstrip(".,:;!?").casefold()


async def other_than(ask: Ask, waiting: Sequence[Incident], desks: Desks) -> Reply | None:
    """Answer words that name another incident than those that wait for the speaker's answer.

    None: they name one of these, or are a note.
    """
    if not ask.words:
        return None
    async with desks.database.reading() as tx:
        found = await incidents.search(tx, statuses=OPEN, limit=MOST_LOOKED_AT)
        totals = {it.id: it.total for it in found}
        every = await alerts.most_urgent(tx, totals, MOST_ALERTS)
    known = [Called.of(it, every[it.id]) for it in found]
    ours = {it.id for it in waiting}
    named = {it.incident.id: it.named_by(ask.words) for it in known}
    meant = [it.incident for it in known if named[it.incident.id]]
    if any(it.id in ours for it in meant):
        return None
    if not meant and (not _is_name(ask.words) or _is_near(ask, known, ours)):
        return None
    name = " ".join(ask.words[: max(named.values(), default=0)])
    said = _of_others(name, meant, desks) if meant else _of_nothing(ask, known)
    return Reply(f"{said} {_yours(ask, waiting)}".strip(), refused=True)


def _is_name(words: Sequence[str]) -> bool:
    return len(words) == 1 and bool(_NAME.fullmatch(words[0].rstrip(".,:;!?")))


def _is_near(ask: Ask, known: Sequence[Called], ours: set[IncidentId]) -> bool:
    """Say whether a name was misspelt that is one of ours."""
    names = {name for it in known if it.incident.id in ours for name in it.names}
    return bool(get_close_matches(ask.words[0], names))


def _of_others(name: str, meant: Sequence[Incident], desks: Desks) -> str:
    people, now = desks.playbook().people, desks.clock.utc_now()
    told = [f"#{it.id} {flat(it.title)}, {stands(it, people, now)}" for it in meant[:MOST_NAMED]]
    more = [f"{len(meant) - MOST_NAMED} more"] if len(meant) > MOST_NAMED else []
    numbers = " ".join(str(it.id) for it in meant[:MOST_NAMED])
    them = "it" if len(meant) == 1 else "these"
    return f"{_quoted(name)} names {listed([*told, *more])}; `ack {numbers}` takes {them}."


def _of_nothing(ask: Ask, known: Sequence[Called]) -> str:
    numbers = {name: it.incident.id for it in known for name in it.names}
    near = get_close_matches(ask.words[0], sorted(numbers), n=1)
    guess = f"; did you mean #{numbers[near[0]]} {flat(near[0])}?" if near else "."
    return f"No open incident is called {_quoted(ask.words[0])}{guess}"


def _yours(ask: Ask, waiting: Sequence[Incident]) -> str:
    if len(waiting) != 1:
        return ""
    [mine] = waiting
    return (
        f"What waits for your answer is #{mine.id} {flat(mine.title)}: "
        f"`ack {mine.id} {shortened(flat(ask.note), 40)}` takes that."
    )


def _quoted(words: str) -> str:
    return repr(shortened(flat(words), 60))
