"""What comes and goes: a few pages, one message that counts, and in the end the truth."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from routing.delivery.throttle import Pace
from routing.incidents.events import Acknowledge
from routing.playbook import Route
from storage.model.delivery import Purpose
from storage.model.flaps import Flapping
from storage.model.incident import IncidentId, Status
from storage.model.policy import Step
from storage.model.timer import TimerKind
from storage.sql import timers
from tests.routing.town import ADA, PLAYBOOK, POLICY, PRIMARY, Town, alert, resolved, town

RULE = Flapping(times=3, within=timedelta(minutes=15), calm=timedelta(minutes=10))
PATIENT = Step(after=timedelta(0), targets=(PRIMARY,))
FLAPPY = replace(POLICY, steps=(PATIENT,), repeat_after=timedelta(hours=6), flapping=RULE)


@pytest.fixture
async def flappy(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, replace(PLAYBOOK, policies={"default": FLAPPY})) as place:
        yield place


async def flip(here: Town, times: int, *, every: float = 20.0, restart: bool = False) -> None:
    """Fire and resolve so many times; it ends resolved."""
    for _ in range(times):
        await here.fire(replace(alert(), starts_at=here.clock.utc_now()))
        await here.turn(every, by=600)
        await here.fire(resolved(alert()))
        await here.turn(every, by=600)
        if restart:
            here.restart()


def shown(here: Town) -> str:
    return dict(here.slack.rooms[-1].message.facts)["State"]


async def test_fourteen_times_in_ten_minutes(flappy: Town) -> None:
    await flip(flappy, 4, every=22.0)
    lines = len(flappy.slack.rooms[-1].message.lines)
    await flip(flappy, 10, every=22.0)
    assert len({sent.key for sent in flappy.sms.pages}) == 3
    assert len([sent for sent in flappy.slack.rooms if sent.post is None]) == 1
    assert shown(flappy) == "triggered, flapping, 14 times in 9 min, nothing fires now, asked Ada"
    incident = await flappy.incident()
    assert incident.status is Status.TRIGGERED
    assert len(flappy.slack.rooms[-1].message.lines) == lines, "no line for each flip"
    before = len(flappy.sms.notices)
    await flappy.turn(11 * 60, by=600)
    assert (await flappy.incident()).status is Status.RESOLVED
    assert len(flappy.sms.notices) == before + 1
    told = "all alerts cleared, after flapping, 14 times in 9 min"
    assert (await flappy.facts()).count(told) == 1
    assert shown(flappy).startswith("resolved by itself")


async def test_it_is_told_once_that_it_is_calm_and_fires_still(flappy: Town) -> None:
    await flip(flappy, 5)
    await flappy.fire()
    await flappy.turn(9 * 60, by=600)
    assert "flapping, 6 times" in shown(flappy)
    await flappy.turn(2 * 60, by=600)
    assert shown(flappy) == "triggered, asked Ada"
    assert "calm since 10 min, 1 alert firing; flapped 6 times in 3 min" in await flappy.facts()
    assert len(flappy.sms.pages) == 3
    await flappy.turn(6 * 3600, by=3600)  # nobody answered, and so its policy begins again
    assert len(flappy.sms.pages) == 4


async def test_a_restart_forgets_nothing(flappy: Town) -> None:
    await flip(flappy, 6, restart=True)
    assert len({sent.key for sent in flappy.sms.pages}) == 3
    flappy.restart()
    await flappy.turn(11 * 60, by=600)
    assert (await flappy.incident()).status is Status.RESOLVED


async def test_who_took_it_is_left_alone(flappy: Town) -> None:
    await flip(flappy, 3)
    await flappy.desk.apply((await flappy.incident()).id, Acknowledge(ADA), actor=ADA, via="cli")
    told = len(flappy.sms.sent)
    await flip(flappy, 3)
    assert (await flappy.incident()).status is Status.ACKNOWLEDGED
    assert len(flappy.sms.sent) == told
    assert shown(flappy).startswith("acknowledged by Ada")
    await flappy.turn(11 * 60, by=600)
    assert (await flappy.incident()).status is Status.RESOLVED


async def test_where_each_time_is_a_number_of_its_own_it_still_comes_to_an_end(
    flappy: Town,
) -> None:
    policy = replace(FLAPPY, reopen_within=timedelta(0))
    flappy.playbook.swap(replace(PLAYBOOK, policies={"default": policy}))
    await flip(flappy, 5)
    assert [it.id for it in await flappy.open_incidents()] == [3]
    assert len({sent.key for sent in flappy.sms.pages}) == 3


async def test_new_names_of_one_group_flap_as_one(flappy: Town) -> None:
    """Pods that come and go under a new name each time are one trouble that comes and goes."""
    for number in range(5):
        pod = alert(pod=f"web-{number}")
        await flappy.fire(pod)
        await flappy.turn(30, by=600)
        await flappy.fire(resolved(pod))
        await flappy.turn(30, by=600)
    assert len({sent.key for sent in flappy.sms.pages}) == 3
    assert "flapping, 5 times" in shown(flappy)


async def test_one_of_a_group_that_flaps_writes_no_line_each_time(flappy: Town) -> None:
    await flappy.fire(alert(i="a"))
    await flappy.turn(30, by=600)
    for _ in range(5):
        await flappy.fire(alert(i="b"))
        await flappy.turn(20, by=600)
        await flappy.fire(resolved(alert(i="b")))
        await flappy.turn(20, by=600)
    assert len(flappy.sms.pages) == 1
    assert len(await flappy.record()) < 15
    assert "flapping, 5 times" in shown(flappy)


async def test_by_a_door_that_ends_alerts_by_time(flappy: Town) -> None:
    """Sources that only stop repeating flap as others do."""
    for _ in range(5):
        now = flappy.clock.utc_now()
        short = now + timedelta(seconds=20)
        await flappy.fire(replace(alert(), starts_at=now, expires_at=short, dated=True))
        await flappy.turn(45, by=5)
    assert len({sent.key for sent in flappy.sms.pages}) == 3
    assert "flapping, 5 times" in shown(flappy)


async def test_off_by_a_route_each_time_is_told(flappy: Town) -> None:
    never = Route(matchers=(), flapping=Flapping(times=0))
    flappy.playbook.swap(replace(flappy.playbook(), routes=(never,)))
    await flip(flappy, 4)
    assert len({sent.key for sent in flappy.sms.pages}) == 4


async def test_a_room_that_cannot_edit_hears_of_it_once(flappy: Town) -> None:
    await flip(flappy, 6)
    told = {stage for sent in flappy.slack.rooms for stage in sent.message.stages}
    assert len([stage for stage in told if stage.startswith("flapping.")]) == 1
    messages = [sent for sent in flappy.slack.rooms if sent.message.purpose is Purpose.ROOM]
    assert len({sent.message.stages for sent in messages}) <= 7


async def test_a_word_that_it_is_over_is_not_told_once_it_is_back(flappy: Town) -> None:
    """What waits for its turn, since one person hears so much, must be true when it comes."""
    flappy.playbook.swap(replace(flappy.playbook(), pace=Pace(single=1, within=60.0)))
    await flappy.fire()
    await flappy.turn(5)
    await flappy.fire(resolved(alert()))
    await flappy.turn(5)
    assert flappy.sms.notices == [], "it waits"
    await flappy.fire()
    await flappy.turn(300, by=30)
    assert flappy.sms.notices == []
    assert [it.message.status for it in flappy.sms.pages] == [Status.TRIGGERED] * 2
    await flappy.fire(resolved(alert()))
    await flappy.turn(120, by=30)
    assert len(flappy.sms.notices) == 1


async def test_one_that_lost_its_wait_for_calm_gets_it_back(flappy: Town) -> None:
    await flip(flappy, 3)
    async with flappy.database.transaction() as tx:
        await timers.cancel(tx, [IncidentId(1)], TimerKind.CALM)
    assert await flappy.housekeeper.inspect() == 1
    await flappy.turn(11 * 60, by=600)
    assert (await flappy.incident()).status is Status.RESOLVED
