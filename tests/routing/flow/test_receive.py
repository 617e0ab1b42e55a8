"""The one door for alerts: one transaction for a batch, all of it or nothing."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from routing.flow.receive import Receiver
from storage.errors import StaleIncident
from storage.model.incident import IncidentId
from storage.sql import meta
from tests.fakes import NOON
from tests.routing.town import Town, alert, resolved


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
