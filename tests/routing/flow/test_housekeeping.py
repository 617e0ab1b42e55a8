"""What is old goes; an incident that could never ring again is found and mended."""

from datetime import timedelta

import pytest

from routing.flow.housekeeping import Housekeeper
from routing.incidents.events import Acknowledge, Event, Snooze
from storage.model.incident import IncidentId, Status
from storage.model.timer import TimerKind
from storage.sql import timers
from tests.routing.town import ADA, Town, alert, resolved

ONE = IncidentId(1)


async def forget(here: Town, kind: TimerKind) -> None:
    async with here.database.transaction() as tx:
        await timers.cancel(tx, [ONE], kind)


async def test_all_is_well(here: Town) -> None:
    await here.fire(alert("A"), alert("B", "info"))
    await here.turn(1000, by=100)
    assert await here.housekeeper.inspect() == 0


async def test_an_incident_that_lost_its_timer_rings_on(here: Town) -> None:
    await here.fire()
    await here.turn()
    await forget(here, TimerKind.ESCALATE)
    assert await here.housekeeper.inspect() == 1
    await here.turn(1)
    assert (await here.incident()).step == 1
    assert "its timer 'escalate' was missing and has been set again" in await here.facts()


ANSWERS = [
    (Acknowledge(by=ADA), TimerKind.ACK_EXPIRES, 4 * 3600),
    (Snooze(by=ADA, hold=timedelta(minutes=30)), TimerKind.SNOOZE_ENDS, 1800),
]


@pytest.mark.parametrize(("event", "kind", "seconds"), ANSWERS)
async def test_an_answer_that_would_never_end(
    here: Town, event: Event, kind: TimerKind, seconds: float
) -> None:
    await here.fire()
    await here.desk.apply(ONE, event, actor=ADA, via="cli")
    await forget(here, kind)
    assert await here.housekeeper.inspect() == 1
    (timer,) = await here.running()
    assert (timer.kind, timer.due_at) == (kind, here.clock.elapsed + seconds)
    here.clock.advance(seconds)
    await here.turn()
    assert (await here.incident()).status is Status.TRIGGERED


async def test_what_ended_long_ago_goes_and_the_record_stays(here: Town) -> None:
    await here.fire()
    await here.turn()
    await here.fire(resolved(alert()))
    await here.fire(alert("StillOpen"))
    here.clock.advance(91 * 86_400)
    parts = (here.database, here.clock, here.playbook, here.wake)
    assert await Housekeeper(*parts, keep=timedelta(days=92)).tidy() == 0
    assert await here.housekeeper.tidy() > 0
    assert [it.id for it in await here.open_incidents()] == [2]
    assert await here.record()
