"""When a person cannot be reached: the next contact point, the next person, or "not delivered"."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery.letters import TOOK_IT, at_turn
from routing.delivery.words import flat, lasting, listed, shortened
from routing.flow.carry_out import carry_out
from routing.flow.current import Current
from routing.flow.moment import Moment, decided, read_moment
from routing.flow.wake import Wake
from routing.incidents.decide import Decision, Fact, quiet_facts
from routing.incidents.effects import Announce, PageStep
from routing.incidents.events import Rung, Undelivered
from routing.incidents.machine import transition
from routing.oncall.expand import Ring, rings_instead
from routing.playbook import Playbook
from storage.clock import Clock, Steady
from storage.model.alert import Severity
from storage.model.delivery import DeliveryStatus, OutboxMessage
from storage.model.incident import Incident, IncidentId, Status
from storage.model.person import PersonId
from storage.sql import incidents, outbox
from storage.sql.database import Database

LONGEST_REASON = 200
AT_ONCE = 50
"""Overdue pages moved in one transaction; others write between two of these."""
ALIVE = (DeliveryStatus.WAITING, *TOOK_IT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A page that will not arrive, among all pages of its step."""

    page: OutboxMessage
    step: tuple[OutboxMessage, ...]

    @property
    def person(self) -> PersonId:
        """Whom it was for."""
        return self.page.person or PersonId("")

    def others_alive(self, now: Steady) -> list[OutboxMessage]:
        """Return the step's other pages that arrived, or may still; not those of a later turn."""
        others = [it for it in self.step if it.id != self.page.id and it.is_due(now)]
        return [it for it in others if it.status in ALIVE]

    def next_turn(self, now: Steady) -> list[OutboxMessage]:
        """Return what the person's own rule asks by next, all of that turn."""
        later = [it for it in self.step if it.person == self.person and not it.is_due(now)]
        waiting = [it for it in later if it.status is DeliveryStatus.WAITING]
        soonest = min((it.not_before for it in waiting), default=now)
        return [it for it in waiting if it.not_before == soonest]


async def fail_over(
    tx: AsyncConnection, page: OutboxMessage, reason: str, moment: Moment
) -> list[IncidentId]:
    """Ask by another way after `page` failed for good, and write that down.

    In the transaction that notes the failure. A page that nobody waits for any more (answered,
    resolved, a new round) is let be. Returns the incidents that changed.
    """
    return await _fail_over(tx, {page: reason}, moment)


async def _fail_over(
    tx: AsyncConnection, failed: Mapping[OutboxMessage, str], moment: Moment
) -> list[IncidentId]:
    """Do so for several pages and their reasons, each of another incident."""
    found = await incidents.get_many(tx, {it.incident for it in failed if it.incident})
    decisions = []
    for page, reason in failed.items():
        incident = found.get(page.incident) if page.incident and page.person else None
        if incident is not None and is_wanted(page, incident):
            step = await outbox.pages_of_step(tx, incident.id, page.round, page.step)
            lost = Lost(page=page, step=tuple(step))
            decisions.append(instead(incident, lost, reason, moment))
    saved = await carry_out(tx, decisions, moment, actor="tocsin", via="sender")
    return [it.id for it in saved]


def is_wanted(page: OutboxMessage, incident: Incident) -> bool:
    """Say whether a page still asks for something: nobody answered, and it is of this round."""
    return incident.status is Status.TRIGGERED and page.round == incident.round


def instead(incident: Incident, lost: Lost, reason: str, moment: Moment) -> Decision:
    """Decide what follows from a page that will not arrive."""
    known = moment.playbook.people.get(lost.person)
    name = flat(known.name) if known else lost.person
    sentence = f"not delivered: {lost.page.channel} to {name}: "
    sentence += shortened(flat(reason).rstrip("."), LONGEST_REASON)
    alive = lost.others_alive(moment.steady)
    own = [it.channel for it in alive if it.person == lost.person]
    if own and not _leaves_chat_alone(incident, lost.page, own, moment.playbook):
        return _told(incident, f"{sentence}; {listed(own)} asks as well")
    if turn := _turn_at_once(incident, lost, moment):
        ways = listed([it.channel for it in turn])
        return replace(_told(incident, f"{sentence}; {ways} at once"), sooner=turn)
    page = PageStep(lost.page.round, lost.page.step)
    tried = {it.key for it in lost.step}
    rings = rings_instead(incident, page, lost.person, tried, moment.roster)
    if rings:
        people = tuple(dict.fromkeys(ring.person for ring in rings))
        asked = transition(incident, Rung(people), moment.now)
        told = _told(incident, f"{sentence}; {_going(rings, lost.person, moment)}")
        facts = told.facts + quiet_facts(rings, moment.now)
        return replace(told, after=asked.incident, rings=rings, facts=facts)
    if own:
        return _told(incident, f"{sentence}; {listed(own)} asks as well")
    if alive:
        return _told(incident, f"{sentence}; no other way to {name}")
    gone = transition(incident, Undelivered(page.round, page.step), moment.now)
    told = _told(incident, f"{sentence}; nobody is left to ask")
    then = moment.follow(incident, gone)
    return replace(
        told,
        after=then.after,
        rings=then.rings,
        effects=then.effects or told.effects,
        facts=told.facts + then.facts,
    )


def _turn_at_once(incident: Incident, lost: Lost, moment: Moment) -> tuple[OutboxMessage, ...]:
    """Return what the person's own rule has for later, moved to now; quiet hours stay quiet."""
    person = moment.playbook.people.get(lost.person)
    is_quiet = person is not None and person.quiet_until(incident.severity, moment.now)
    return tuple(
        at_turn(it, moment.steady, moment.roster)
        for it in lost.next_turn(moment.steady)
        if not (is_quiet and moment.playbook.rings(it.channel))
    )


def _leaves_chat_alone(
    incident: Incident, page: OutboxMessage, left: list[str], playbook: Playbook
) -> bool:
    """Say whether a critical alarm lost what rings, and only chat, which wakes nobody, is left."""
    if incident.severity is not Severity.CRITICAL or page.channel in playbook.chat:
        return False
    return all(channel in playbook.chat for channel in left)


def _told(incident: Incident, sentence: str) -> Decision:
    fact = Fact(what="not delivered", because=sentence)
    return Decision(before=incident, after=incident, effects=(Announce(),), facts=(fact,))


def _going(rings: tuple[Ring, ...], person: PersonId, moment: Moment) -> str:
    ways = listed([ring.contact.channel for ring in rings])
    if rings[0].person == person:
        return f"going by {ways}"
    return f"asking {flat(moment.playbook.people[rings[0].person].name)} by {ways}"


async def move_overdue(
    database: Database, clock: Clock, playbook: Current[Playbook], wake: Wake
) -> int:
    """Take back the pages that are unsent past their deadline, and ask by another way.

    Returns how many there were.
    """
    async with database.reading() as tx:
        late = await outbox.overdue(tx, clock.steady())
    for batch in _batches(late):
        wake.committed(await decided(database, partial(_move, batch, clock, playbook)))
    return len(late)


def _batches(late: Sequence[OutboxMessage]) -> Iterator[list[OutboxMessage]]:
    """Take many together, so that a hundred go on within seconds, the longest overdue first.

    Never two of one incident: what the first leads to decides what the second means.
    """
    while late:
        batch: dict[IncidentId | None, OutboxMessage] = {}
        for page in late:
            if len(batch) < AT_ONCE:
                batch.setdefault(page.incident, page)
        yield list(batch.values())
        taken = {page.id for page in batch.values()}
        late = [page for page in late if page.id not in taken]


async def _move(
    pages: Sequence[OutboxMessage], clock: Clock, playbook: Current[Playbook], tx: AsyncConnection
) -> list[IncidentId]:
    held = [page for page in pages if await outbox.cancel(tx, page.id)]
    if not held:
        return []
    moment = await read_moment(tx, clock, playbook)
    return await _fail_over(tx, {page: _unsent(page, moment) for page in held}, moment)


def _unsent(page: OutboxMessage, moment: Moment) -> str:
    waited = lasting(moment.now - page.created_at)
    return f"unsent after {waited}" + (f": {page.error}" if page.error else "")
