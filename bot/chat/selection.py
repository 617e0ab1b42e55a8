"""Many incidents at a time: `all`, `mine`, or by their alerts' labels (`service=checkout`)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.guess import guess
from bot.chat.holds import read_hold
from bot.chat.matchers import read_matchers
from bot.chat.parse import UNTIMED
from bot.chat.verb import Ask, Reply
from bot.chat.wording import listed
from bot.chat.wording import standing as stands
from bot.config.fields import parse_matcher
from routing.flow.desks import Desks
from routing.flow.parts import parts
from storage.model.incident import Incident, IncidentId, Status
from storage.model.labels import Matcher
from storage.sql import alerts, incidents, standing

ALL, MINE = "all", "mine"
NOT_YOURS = "No open incident is yours: none that you took, none that you were asked about."
NOTHING = "Nothing waits for your answer. `ack 12` takes incident 12."
NONE = "No open incident is meant by that; `alerts` shows what is open."
SIGNS = ("=", "!~")
MOST_TOLD, MOST_GUESSED = 5, 1_000
AT_ONCE = 1_000
"""Alerts that are looked at in one go."""
OPEN = tuple(status for status in Status if status.is_open)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the first words behind a verb select. words: what is left of the sentence."""

    matchers: tuple[Matcher, ...] = ()
    everything: bool = False
    mine: bool = False
    words: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Say whether anything was selected by words at all."""
        return self.everything or self.mine or bool(self.matchers)


def selection(words: tuple[str, ...]) -> Selection:
    """Read `all`, `mine` and matchers off the front of a sentence; raises ValueError.

    A word with a sign of comparison in it that is no matcher is refused: as a note it would
    select nothing, and the speaker would believe that it had.
    """
    first = words[0].lower().rstrip(",:;") if words else ""
    everything, mine = first == ALL, first == MINE
    rest = words[1:] if everything or mine else words
    matchers, left = read_matchers(" ".join(rest))
    rest = tuple(left.split()) if matchers else rest
    if rest and any(sign in rest[0] for sign in SIGNS):
        parse_matcher(rest[0])
    return Selection(matchers=tuple(matchers), everything=everything, mine=mine, words=rest)


async def chosen(
    ask: Ask, desks: Desks, statuses: Collection[Status] = OPEN
) -> tuple[Ask, Reply | None]:
    """Return the sentence with its incidents filled in, or what to answer instead.

    statuses: which incidents can be meant at all, where they are not named by number.
    """
    if ask.incidents:
        return ask, None
    try:
        wanted = selection(ask.words)
    except ValueError as error:
        return ask, Reply(str(error), refused=True)
    if not wanted:
        return ask, None
    async with desks.database.reading() as tx:
        found = await _found(tx, ask, wanted, statuses)
    if not found:
        return ask, Reply(await _none(ask, wanted, desks, statuses), refused=True)
    numbers = tuple(incident.id for incident in found)
    hold, words = ask.hold, [*wanted.words]
    if hold is None and ask.verb not in UNTIMED:
        hold, words = read_hold(words)
    return replace(ask, incidents=numbers, hold=hold, words=tuple(words)), None


async def _found(
    tx: AsyncConnection, ask: Ask, wanted: Selection, statuses: Collection[Status]
) -> list[Incident]:
    found = await incidents.search(tx, statuses=statuses, limit=None, newest_first=False)
    if wanted.mine:
        found = [it for it in found if _is_mine(it, ask)]
    if wanted.matchers:
        meant = await _having(tx, found, wanted.matchers)
        found = [it for it in found if it.id in meant]
    return found


async def _none(ask: Ask, wanted: Selection, desks: Desks, statuses: Collection[Status]) -> str:
    """Say why nothing is meant: it is answered already, or another word was meant."""
    if wanted.mine:
        return NOTHING if tuple(statuses) != OPEN else NOT_YOURS
    people, now = desks.playbook().people, desks.clock.utc_now()
    async with desks.database.reading() as tx:
        left = set(OPEN) - set(statuses)
        others = await _found(tx, ask, wanted, left) if left else []
        firing = await standing.labels_after(tx, "", MOST_GUESSED)
    if others:
        said = [f"#{it.id} is {stands(it, people, now)}" for it in others[:MOST_TOLD]]
        more = len(others) - MOST_TOLD
        told = listed([*said, f"{more} more"] if more > 0 else said)
        return f"Nothing of that waits for an answer: {told}."
    guessed = guess(wanted.matchers, (labels for _, labels in firing))
    return f"{NONE} {guessed}".strip()


def _is_mine(incident: Incident, ask: Ask) -> bool:
    if incident.status is Status.TRIGGERED:
        return ask.person.id in incident.rung
    return incident.owner == ask.person.id


async def _having(
    tx: AsyncConnection, every: Sequence[Incident], matchers: tuple[Matcher, ...]
) -> set[IncidentId]:
    """Return those of which an alert that fires satisfies every matcher."""
    meant = set[IncidentId]()
    for some in parts(every, AT_ONCE, lambda it: it.total):
        for id, labels in await alerts.labels_of_firing(tx, [it.id for it in some]):
            if id not in meant and all(matcher.matches(labels) for matcher in matchers):
                meant.add(id)
    return meant
