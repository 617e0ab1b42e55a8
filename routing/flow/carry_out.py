"""Decisions become rows: incident, alerts, record, timers, outbox. Nothing is sent here."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery.letters import Material, letters_of
from routing.delivery.surroundings import NEAR, QUIET_AROUND, services_of
from routing.flow.dependents import around
from routing.flow.moment import Moment
from routing.incidents.decide import Decision
from routing.incidents.effects import CancelTimer, Hush, SetTimer
from storage.clock import Steady
from storage.model.alert import Alert
from storage.model.audit import AuditRow
from storage.model.change import Change
from storage.model.delivery import OutboxMessage, Purpose
from storage.model.incident import Incident, IncidentId, Status
from storage.model.timer import Timer, TimerKind
from storage.sql import alerts, audit, changes, incidents, outbox, timers

Written = tuple[Decision, Incident]

ENDS = {Status.ACKNOWLEDGED: TimerKind.ACK_EXPIRES, Status.SNOOZED: TimerKind.SNOOZE_ENDS}


async def carry_out(
    tx: AsyncConnection, decisions: Sequence[Decision], moment: Moment, *, actor: str, via: str
) -> list[Incident]:
    """Write what was decided, all of it as rows of this transaction; return the saved incidents.

    Empty decisions are passed over. Raises StaleIncident where another writer was faster.
    """
    work = await _save(tx, [decision for decision in decisions if not decision.is_empty])
    changed = [(incident.id, alert) for decision, incident in work for alert in decision.alerts]
    await alerts.upsert_many(tx, changed)
    rows = [row for it in work for row in _rows(it, moment, actor, via)]
    await audit.append_many(tx, rows)
    hushed = [incident.id for decision, incident in work if _hushes(decision)]
    await outbox.cancel_pages_of(tx, hushed)
    await outbox.reschedule(tx, [page for decision, _ in work for page in decision.sooner])
    await _set_timers(tx, work, moment)
    await _tell(tx, [(decision, it) for decision, it in work if decision.is_told], moment)
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


def _hushes(decision: Decision) -> bool:
    return any(isinstance(effect, Hush) for effect in decision.effects)


async def _set_timers(tx: AsyncConnection, work: Sequence[Written], moment: Moment) -> None:
    """Of several effects for one kind of timer the last counts."""
    wanted: list[Timer] = []
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
                await timers.cancel(tx, incident.id, kind)
    await timers.set_many(tx, wanted)


def timer_of(incident: IncidentId, effect: SetTimer, now: Steady) -> Timer:
    """Turn "after so long" into a moment on the steady scale."""
    due_at = Steady(now + effect.after.total_seconds())
    return Timer(
        incident=incident, kind=effect.kind, due_at=due_at, round=effect.round, step=effect.step
    )


async def _tell(tx: AsyncConnection, work: Sequence[Written], moment: Moment) -> None:
    """Owe the pages, notices and rooms, each made from what the rows say now."""
    every = await alerts.of_incidents(tx, [incident.id for _, incident in work])
    changed = await _changes(tx, every, work, moment)
    near = await around(tx, every, moment)
    letters: list[OutboxMessage] = []
    for decision, incident in work:
        is_new = decision.before is None
        material = Material(
            decision=decision,
            incident=incident,
            roster=moment.roster,
            steady=moment.steady,
            alerts=every[incident.id],
            record=await audit.of_incident(tx, incident.id),
            owed=() if is_new else await outbox.of_incident(tx, incident.id),
            until=await _until(tx, incident, moment),
            changes=changed.get(incident.id, ()),
            around=near.get(incident.id, QUIET_AROUND),
        )
        letters += letters_of(material)
    await outbox.enqueue_many(tx, [it for it in letters if it.purpose is not Purpose.ROOM])
    await outbox.arm_rooms(tx, [it for it in letters if it.purpose is Purpose.ROOM])


async def _changes(
    tx: AsyncConnection,
    every: Mapping[IncidentId, Sequence[Alert]],
    work: Sequence[Written],
    moment: Moment,
) -> dict[IncidentId, list[Change]]:
    """Return what was changed about the services of each incident, the newest first."""
    catalogue = moment.playbook.catalogue
    named = {id: services_of(alerts, catalogue) for id, alerts in every.items()}
    wanted = {name for names in named.values() for name in names}
    if not wanted:
        return {}
    since = min(incident.opened_at for _, incident in work) - 2 * NEAR
    found = await changes.of_services(tx, wanted, since)
    return {
        id: sorted(
            (change for name in names for change in found.get(name, ())),
            key=lambda change: change.at,
            reverse=True,
        )
        for id, names in named.items()
        if found
    }


async def _until(tx: AsyncConnection, incident: Incident, moment: Moment) -> datetime | None:
    """Say when the acknowledgement or the snooze ends, by the wall clock."""
    if incident.status not in ENDS:
        return None
    for timer in await timers.of_incident(tx, incident.id):
        if timer.kind is ENDS[incident.status]:
            return moment.wall(timer.due_at)
    return None
