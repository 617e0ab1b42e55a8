"""Decisions become rows: incident, alerts, record, timers, outbox. Nothing is sent here."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery.letters import letters_of, rooms_of
from routing.flow.materials import AT_ONCE as ALERTS
from routing.flow.materials import materials, weight_of
from routing.flow.moment import Moment
from routing.flow.parts import parts
from routing.incidents.decide import Decision
from routing.incidents.effects import CancelTimer, Hush, SetTimer
from storage.clock import Steady
from storage.model.audit import AuditRow
from storage.model.incident import Incident, IncidentId
from storage.model.timer import Timer, TimerKind
from storage.sql import alerts, audit, incidents, outbox, owed, timers

Written = tuple[Decision, Incident]
ANSWERS = ("taken", "snoozed", "escalated", "worse")
"""Notices of who has an incident and how it stands: when it is over, that is told instead."""
AT_ONCE = 300
"""Incidents that are written in one go: the event loop waits for that."""


async def carry_out(
    tx: AsyncConnection, decisions: Sequence[Decision], moment: Moment, *, actor: str, via: str
) -> list[Incident]:
    """Write what was decided, all of it as rows of this transaction; return the saved incidents.

    Empty decisions are passed over. Raises StaleIncident where another writer was faster.
    """
    saved: list[Incident] = []
    every = sorted((it for it in decisions if not it.is_empty), key=_place)
    for some in parts(every, AT_ONCE):
        saved += await _carry_out(tx, some, moment, actor=actor, via=via)
    return saved


def _place(decision: Decision) -> int:
    """New incidents first; then by number, so that two writers never wait for each other."""
    return decision.before.id if decision.before else 0


async def _carry_out(
    tx: AsyncConnection, decisions: Sequence[Decision], moment: Moment, *, actor: str, via: str
) -> list[Incident]:
    work = await _save(tx, decisions)
    opened = [(incident.id, decision.alerts) for decision, incident in work if not decision.before]
    await alerts.upsert_many(tx, [(id, alert) for id, first in opened for alert in first])
    rows = [row for it in work for row in _rows(it, moment, actor, via)]
    await audit.append_many(tx, rows)
    hushed = [incident.id for decision, incident in work if _hushes(decision)]
    await outbox.cancel_pages_of(tx, hushed)
    await owed.cancel_notices(tx, [it.id for decision, it in work if _reopens(decision)], ("over",))
    await owed.cancel_notices(tx, [it.id for decision, it in work if _ends(decision)], ANSWERS)
    await outbox.reschedule(tx, [page for decision, _ in work for page in decision.sooner])
    await _set_timers(tx, work, moment)
    await _tell(tx, work, moment)
    return [incident for _, incident in work]


async def _save(tx: AsyncConnection, decisions: Sequence[Decision]) -> list[Written]:
    new = [it for it in decisions if it.before is None]
    known = [(it, it.before.version) for it in decisions if it.before is not None]
    opened = await incidents.create_many(tx, [it.after for it in new])
    saved = await incidents.save_many(tx, [(it.after, version) for it, version in known])
    return list(zip([*new, *(it for it, _ in known)], [*opened, *saved], strict=True))


def _rows(it: Written, moment: Moment, actor: str, via: str) -> list[AuditRow]:
    decision, incident = it
    return [
        AuditRow(
            id=0,
            incident=incident.id,
            at=moment.now,
            actor=actor,
            via=via,
            what=fact.what,
            because=fact.because,
        )
        for fact in decision.facts
    ]


def _reopens(decision: Decision) -> bool:
    before = decision.before
    return before is not None and decision.after.status.is_open > before.status.is_open


def _ends(decision: Decision) -> bool:
    before = decision.before
    if before is None or not before.rung:
        return False  # nobody was told of it, so no such word waits
    return decision.after.status.is_open < before.status.is_open


def _hushes(decision: Decision) -> bool:
    return any(isinstance(effect, Hush) for effect in decision.effects)


async def _set_timers(tx: AsyncConnection, work: Sequence[Written], moment: Moment) -> None:
    """Of several effects for one kind of timer the last counts."""
    wanted: list[Timer] = []
    gone: dict[TimerKind, list[IncidentId]] = defaultdict(list)
    for decision, incident in work:
        last = {
            effect.kind: effect
            for effect in decision.effects
            if isinstance(effect, SetTimer | CancelTimer)
        }
        for kind, effect in last.items():
            if isinstance(effect, SetTimer):
                wanted.append(timer_of(incident.id, effect, moment.steady))
            elif decision.before is not None:
                gone[kind].append(incident.id)
    for kind, ids in gone.items():
        await timers.cancel(tx, ids, kind)
    await timers.set_many(tx, wanted)


def timer_of(incident: IncidentId, effect: SetTimer, now: Steady) -> Timer:
    """Turn "after so long" into a moment on the steady scale."""
    due_at = Steady(now + effect.after.total_seconds())
    return Timer(
        incident=incident, kind=effect.kind, due_at=due_at, round=effect.round, step=effect.step
    )


async def _tell(tx: AsyncConnection, work: Sequence[Written], moment: Moment) -> None:
    """Owe pages and notices, made from what the rows say now, and every room a look."""
    told = [it for it in work if it[0].is_told]
    for some in parts(told, ALERTS, lambda it: weight_of(it[1])):
        letters = [it for one in await materials(tx, some, moment) for it in letters_of(one)]
        await outbox.enqueue_many(tx, letters)
    rooms = (rooms_of(decision, it, moment.roster, moment.steady) for decision, it in work)
    await outbox.arm_rooms(tx, list(chain.from_iterable(rooms)))
