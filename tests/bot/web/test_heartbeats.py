"""Heartbeats over HTTP: who may call, what a call does, what silence does."""

from datetime import timedelta
from typing import Any

import pytest

from bot.chat.speak import speak
from routing.flow.current import Current
from routing.flow.heartbeats import Heartbeats
from routing.flow.receive import Receiver
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.model.heartbeat import Heartbeat
from storage.model.incident import Status
from storage.sql import alerts, incidents
from tests.bot.web.conftest import ADA, Serve, Stage, playbook
from tests.fakes import ManualClock

TOKENS = {"backup": "token-of-the-backup", "other": "token-of-another"}
BY_BACKUP = {"Authorization": f"Bearer {TOKENS['backup']}"}
HOURLY = Heartbeat(name="backup", every=timedelta(hours=1), grace=timedelta(minutes=5))


class Watch:
    """Heartbeats of a stage, by a clock that is turned by hand."""

    def __init__(self, stage: Stage, *known: Heartbeat) -> None:
        self.stage, self.clock = stage, ManualClock()
        self.current = Current(self._playbook(*known))
        receiver = Receiver(stage.database, self.clock, self.current, Wake())
        self.heartbeats = Heartbeats(stage.database, self.clock, self.current, receiver)

    def _playbook(self, *known: Heartbeat) -> Playbook:
        from dataclasses import replace

        return replace(playbook(), heartbeats={it.name: it for it in known})

    async def passed(self, **time: float) -> None:
        self.clock.advance(timedelta(**time).total_seconds())
        await self.heartbeats.look()

    def expect(self, *known: Heartbeat) -> None:
        self.current.swap(self._playbook(*known))

    async def states(self) -> list[tuple[str, Status]]:
        async with self.stage.database.reading() as tx:
            return sorted((it.title, it.status) for it in await incidents.search(tx, limit=9))


@pytest.fixture
def watch(stage: Stage) -> Watch:
    return Watch(stage, HOURLY)


async def test_silence_is_an_incident_and_a_call_ends_it(serve: Serve, watch: Watch) -> None:
    client = await serve(heartbeats=watch.heartbeats, heartbeat_tokens=TOKENS)
    await watch.heartbeats.look()
    for call in (client.get, client.head, client.post):
        await watch.passed(minutes=64)
        answer = await call("/heartbeats/backup", headers=BY_BACKUP)
        assert answer.status_code == 200
    assert await watch.states() == []
    await watch.passed(minutes=66)
    assert await watch.states() == [("HeartbeatMissed heartbeat=backup", Status.TRIGGERED)]
    await watch.passed(minutes=66)
    await client.get("/heartbeats/backup", headers=BY_BACKUP)
    assert await watch.states() == [("HeartbeatMissed heartbeat=backup", Status.RESOLVED)]


@pytest.mark.parametrize("outcome", ["fail", "1", "255"])
async def test_a_failure_is_an_incident_at_once(serve: Serve, watch: Watch, outcome: str) -> None:
    client = await serve(heartbeats=watch.heartbeats, heartbeat_tokens=TOKENS)
    await client.post(f"/heartbeats/backup/{outcome}", content=b"disk full", headers=BY_BACKUP)
    async with watch.stage.database.reading() as tx:
        [incident] = await incidents.search(tx, limit=9)
        [alert] = await alerts.of_incident(tx, incident.id)
    assert alert.name == "HeartbeatFailed"
    assert alert.annotations.get("said") == "disk full"
    await client.get("/heartbeats/backup/0", headers=BY_BACKUP)
    assert [state for _, state in await watch.states()] == [Status.RESOLVED]


async def test_one_that_nobody_expects_any_more_is_over(watch: Watch) -> None:
    await watch.heartbeats.look()
    await watch.passed(hours=2)
    assert [state for _, state in await watch.states()] == [Status.TRIGGERED]
    watch.expect()
    await watch.heartbeats.look()
    assert [state for _, state in await watch.states()] == [Status.RESOLVED]


async def test_another_severity_in_the_configuration_ends_the_right_alert(watch: Watch) -> None:
    await watch.heartbeats.look()
    await watch.passed(hours=2)
    from dataclasses import replace

    watch.expect(replace(HOURLY, labels={"service": "database"}))
    await watch.heartbeats.heard("backup", failed=False, said="")
    assert [state for _, state in await watch.states()] == [Status.RESOLVED]


async def test_a_restart_remembers_what_was_heard(watch: Watch) -> None:
    await watch.heartbeats.heard("backup", failed=False, said="")
    again = Watch(watch.stage, HOURLY)
    again.clock.advance(66 * 60)
    await again.heartbeats.look()
    assert [state for _, state in await again.states()] == [Status.TRIGGERED]


async def test_only_its_own_token_calls_for_it(serve: Serve, watch: Watch) -> None:
    client = await serve(heartbeats=watch.heartbeats, heartbeat_tokens=TOKENS)
    wrong: dict[str, Any] = {"Authorization": f"Bearer {TOKENS['other']}"}
    assert (await client.get("/heartbeats/backup")).status_code == 401
    assert (await client.get("/heartbeats/backup", headers=wrong)).status_code == 403
    assert (await client.get("/heartbeats/backup/maybe", headers=BY_BACKUP)).status_code == 404
    by_password = await client.get("/heartbeats/backup", auth=("any", TOKENS["backup"]))
    assert by_password.status_code == 200


async def test_a_name_that_nobody_expects_is_answered_with_the_nearest(
    serve: Serve, watch: Watch
) -> None:
    client = await serve(heartbeats=watch.heartbeats)
    answer = await client.get("/heartbeats/bakup")
    assert answer.status_code == 404
    assert "did you mean 'backup'?" in answer.json()["error"]


async def test_people_see_them_in_chat(watch: Watch) -> None:
    await watch.heartbeats.look()
    stage = watch.stage
    from dataclasses import replace

    desks = replace(stage.desks, playbook=watch.current, clock=watch.clock)
    ada = watch.current().people[ADA]
    for state in ("new", "missed", "well"):
        if state == "missed":
            await watch.passed(hours=2)
        if state == "well":
            await watch.heartbeats.heard("backup", failed=False, said="")
        reply = await speak("heartbeats", person=ada, who="ada", via="cli", origin="", desks=desks)
        assert reply.table[1][:2] == ("backup", state)
