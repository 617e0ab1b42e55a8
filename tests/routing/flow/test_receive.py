"""The one door for alerts: one transaction for a batch, all of it or nothing."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from routing.flow.receive import Receiver
from routing.playbook import Route
from storage.errors import StaleIncident
from storage.model.alert import Alert
from storage.model.incident import IncidentId, Status
from storage.model.standing import Standing
from storage.sql import alerts, meta, standing
from tests.fakes import NOON
from tests.routing.town import Town, alert, resolved

SECOND = timedelta(seconds=1)


async def test_what_comes_along_is_stored_with_the_alerts_or_not_at_all(here: Town) -> None:
    async def also(tx: AsyncConnection) -> None:
        await meta.put(tx, "state", "1")

    async def broken(tx: AsyncConnection) -> None:
        await meta.put(tx, "state", "2")
        raise ZeroDivisionError

    await here.receiver.receive([alert()], also=also)
    with pytest.raises(ZeroDivisionError):
        await here.receiver.receive([resolved(alert())], also=broken)
    async with here.database.reading() as tx:
        assert await meta.get(tx, "state") == "1"
    assert (await here.incident()).firing == 1


async def test_what_comes_along_is_stored_even_without_news(here: Town) -> None:
    async def also(tx: AsyncConnection) -> None:
        await meta.put(tx, "state", "1")

    await here.receiver.receive([resolved(alert())], also=also)
    async with here.database.reading() as tx:
        assert await meta.get(tx, "state") == "1"
    assert await here.open_incidents() == []


async def test_a_lost_race_is_decided_again_and_five_are_given_up(here: Town) -> None:
    tries: list[int] = []

    def losing(times: int) -> object:
        async def also(_: AsyncConnection) -> None:
            tries.append(1)
            if len(tries) <= times:
                raise StaleIncident("another writer was faster")

        return also

    await here.receiver.receive([alert()], also=losing(4))  # type: ignore[arg-type]
    assert (len(tries), (await here.incident()).firing) == (5, 1)
    with pytest.raises(StaleIncident, match="5 other writers"):
        await here.receiver.receive([alert("B")], also=losing(99))  # type: ignore[arg-type]


async def test_the_same_alert_from_two_doors_opens_one_incident(here: Town) -> None:
    parts = (here.database, here.clock, here.playbook, here.wake)
    doors = [Receiver(*parts) for _ in range(4)]
    await asyncio.gather(*(door.receive([alert()]) for door in doors))
    assert [it.id for it in await here.open_incidents()] == [1]


async def test_the_bells_ring_after_the_commit(here: Town) -> None:
    with here.wake.changed.subscribe() as reader:
        await here.fire()
        assert (await reader.next()).incident == IncidentId(1)
    assert here.wake.sender.is_set()
    here.wake.sender.clear()
    await here.fire()
    assert not here.wake.sender.is_set()


async def test_severity_that_rises_asks_again_by_its_channels(here: Town) -> None:
    await here.fire(alert("Slow", "warning"))
    await here.turn()
    assert here.sms.pages == []
    await here.fire(alert("Slow", "critical"))
    await here.turn()
    assert [sent.address for sent in here.sms.pages] == ["sms-ada"]
    assert [it.id for it in await here.open_incidents()] == [1]


async def test_silence_of_the_source_is_said_and_does_not_resolve(here: Town) -> None:
    await here.fire()
    await here.fire(replace(alert(), no_data_since=NOON))
    await here.turn(301, by=60)
    incident = await here.incident()
    assert (incident.no_data_since, incident.step) == (NOON, 1)
    state = dict(here.slack.rooms[-1].message.facts)["State"]
    assert "no data since 12:00 UTC" in state
    await here.fire(alert())
    assert (await here.incident()).no_data_since is None


MINUTE = timedelta(minutes=1)


def told(begin: int = 0, *, over: int | None = None, **labels: str) -> Alert:
    """An alert from a source that gives times, minutes from noon, and repeats itself."""
    given = replace(alert(**labels), starts_at=NOON + begin * MINUTE, dated=True)
    if over is not None:
        return replace(resolved(given), ends_at=NOON + over * MINUTE)
    return replace(given, expires_at=NOON + 5 * MINUTE)


async def stands(here: Town, given: Alert) -> Standing:
    async with here.database.reading() as tx:
        return (await standing.by_fingerprints(tx, [given.fingerprint]))[given.fingerprint]


async def test_every_alert_stands_on_disk_as_it_was_told_last(here: Town) -> None:
    await here.fire(told(), alert("Other"))
    found = await stands(here, told())
    assert (found.alert, found.updated_at) == (told(), NOON)
    assert found.expires == here.clock.elapsed + 300
    here.clock.advance(60)
    await here.fire(replace(told(over=1), expires_at=None))
    found = await stands(here, told())
    assert (found.alert.is_firing, found.expires, found.expired) == (False, None, False)
    assert (await stands(here, alert("Other"))).expires is None


async def test_what_is_not_repeated_in_time_is_over_and_what_is_stays(here: Town) -> None:
    await here.fire(told(i="1"), told(i="2"), alert(i="3"))
    here.clock.advance(299)
    assert await here.receiver.expire() == 0
    await here.fire(replace(told(i="1"), expires_at=NOON + 10 * MINUTE))
    here.clock.advance(2)
    assert await here.receiver.expire() == 1
    assert (await here.incident()).firing == 2
    here.clock.advance(299)
    assert await here.receiver.expire() == 1
    assert (await here.incident()).firing == 1
    assert [it.id for it in await here.open_incidents()] == [1]


async def test_the_wall_clock_ends_no_alert(here: Town) -> None:
    await here.fire(told())
    here.clock.jump(86_400)
    assert await here.receiver.expire() == 0


async def test_late_and_out_of_order_reopens_nothing(here: Town) -> None:
    await here.fire(told())
    await here.turn()
    await here.fire(told(over=3))
    await here.fire(told())
    assert (await here.incident()).status is Status.RESOLVED
    await here.fire(told(2))
    assert await here.open_incidents() == []
    await here.fire(told(4))
    assert (await here.incident()).status is Status.TRIGGERED
    await here.fire(told(over=3))
    assert (await here.incident()).status is Status.TRIGGERED


async def test_of_two_replicas_the_one_that_still_sees_it_is_believed_in_the_end(
    here: Town,
) -> None:
    """Each minute one repeats that it is over, as Prometheus does, the other that it fires."""
    await here.fire(told())
    here.clock.advance(180)
    await here.fire(told(over=3))
    states = []
    for _ in range(6):
        here.clock.advance(60)
        ends = here.clock.utc_now() + 5 * MINUTE
        await here.fire(replace(told(1), expires_at=ends))
        await here.fire(told(over=3))
        states.append((await here.incident()).status)
    assert states == [Status.RESOLVED, *[Status.TRIGGERED] * 5]
    await here.fire(told(1, over=9))
    assert (await here.incident()).status is Status.RESOLVED


async def test_a_source_that_was_only_quiet_is_believed_when_it_repeats_itself(
    here: Town,
) -> None:
    await here.fire(told())
    here.clock.advance(301)
    assert await here.receiver.expire() == 1
    await here.fire(replace(told(), expires_at=NOON + 15 * MINUTE))
    assert (await here.incident()).status is Status.TRIGGERED


async def test_a_thousand_known_alerts_told_again_touch_no_incident(here: Town) -> None:
    many = [told(i=str(n)) for n in range(1_000)]
    await here.fire(*many)
    before = await here.incident()
    here.clock.advance(60)
    await here.fire(*(replace(it, expires_at=NOON + 9 * MINUTE) for it in many))
    assert await here.incident() == before
    found = await stands(here, many[7])
    assert found.updated_at == NOON + MINUTE
    assert found.expires == here.clock.elapsed + 480


async def test_by_continue_an_alert_is_in_two_incidents_and_ends_in_both(here: Town) -> None:
    first = Route(matchers=(), policy="default", group_by=("severity",), goes_on=True)
    second = Route(matchers=(), policy="default")
    here.playbook.swap(replace(here.playbook(), routes=(first, second)))
    await here.fire(alert())
    await here.fire(alert("Other"))
    assert [(it.group, it.firing) for it in await here.open_incidents()] == [
        ('default{alertname="Other"}', 1),
        ('default{alertname="CheckoutSlow"}', 1),
        ('default{severity="critical"}', 2),
    ]
    await here.fire(resolved(alert()), resolved(alert("Other")))
    assert await here.open_incidents() == []
    await here.fire(alert())
    assert len(await here.open_incidents()) == 2


async def test_an_end_that_overtook_its_beginning_rings_nobody(here: Town) -> None:
    """A sender whose first word was refused for the moment repeats it after it is over."""
    began = replace(alert(), dated=True, starts_at=NOON - 30 * SECOND)
    await here.fire(replace(resolved(began), ends_at=NOON - SECOND))
    await here.fire(began)
    await here.turn()
    assert await here.open_incidents() == []
    assert here.slack.sent == here.sms.sent == []
    here.clock.advance(5)
    await here.fire(replace(began, starts_at=NOON + 4 * SECOND))
    assert (await here.incident()).firing == 1


async def test_who_tells_only_the_end_takes_nothing_from_what_was_said(here: Town) -> None:
    """A key of PagerDuty's or a heartbeat that calls again says neither why it rang nor when."""
    await here.fire(replace(alert(), generator_url="https://prometheus"))
    here.clock.advance(60)
    now = here.clock.utc_now()
    await here.fire(Alert(labels=alert().labels, starts_at=now).resolved_at(now))
    async with here.database.reading() as tx:
        (kept,) = (await standing.by_fingerprints(tx, [alert().fingerprint])).values()
        (told,) = (await alerts.of_incidents(tx, [IncidentId(1)]))[IncidentId(1)]
    for it in (kept.alert, told):
        assert (it.starts_at, it.ends_at, it.generator_url) == (NOON, now, "https://prometheus")
        assert it.annotations.get("summary") == "CheckoutSlow hurts"


async def test_what_contradicts_a_word_that_is_still_on_its_way_is_not_passed_over(
    here: Town,
) -> None:
    """A webhook tells the end before its word that it fires is on disk; or that it fires again."""
    async with asyncio.TaskGroup() as group, here.database.transaction():
        group.create_task(here.fire())
        await asyncio.sleep(0.2)
        group.create_task(here.fire(resolved(alert())))
        await asyncio.sleep(0.2)
    assert (await here.incident()).status is Status.RESOLVED
    await here.fire(alert("DiskFull"))
    async with asyncio.TaskGroup() as group, here.database.transaction():
        group.create_task(here.fire(resolved(alert("DiskFull"))))
        await asyncio.sleep(0.2)
        group.create_task(here.fire(alert("DiskFull")))
        await asyncio.sleep(0.2)
    assert (await here.incident(2)).firing == 1
