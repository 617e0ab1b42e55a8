"""Turns of a personal rule are rows: an answer stops them, a crash does not, quiet hours hold."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest

from routing.delivery.channel import Rejected, TryLater
from routing.incidents.events import Acknowledge
from routing.playbook import Playbook
from storage.model.delivery import DeliveryStatus
from storage.model.hours import Hours
from storage.model.incident import IncidentId, Status
from storage.model.person import OnCallList, Person, PersonalRule, QuietHours, Turn
from storage.model.policy import Step
from tests.routing.town import (
    ADA,
    BOB,
    CY,
    PEOPLE,
    PLAYBOOK,
    POLICY,
    PRIMARY,
    Town,
    alert,
    person,
    resolved,
    town,
)

MINUTE = timedelta(minutes=1)
LADDER = PersonalRule(
    turns=(
        Turn(after=0 * MINUTE, by=("slack",)),
        Turn(after=2 * MINUTE, by=("sms",)),
        Turn(after=5 * MINUTE, by=("sms",)),
    )
)
ALONE = replace(
    POLICY, steps=(Step(after=0 * MINUTE, targets=(PRIMARY,)),), repeat_after=600 * MINUTE
)
QUIET_NOW = QuietHours(hours=Hours(start=time(11), end=time(13)))  # the town wakes at noon


def playbook(*people: Person, policy: object = ALONE) -> Playbook:
    known = PEOPLE | {it.id: it for it in people}
    return replace(PLAYBOOK, people=known, policies={"default": policy})  # type: ignore[dict-item]


def ada(**changes: object) -> Person:
    return replace(PEOPLE[ADA], **changes)  # type: ignore[arg-type]


@pytest.fixture
async def ladder(tmp_path: Path) -> AsyncIterator[Town]:
    """A town where Ada is asked in Slack, after two minutes by SMS, after five once more."""
    async with town(tmp_path, playbook(ada(rules=(LADDER,)))) as place:
        yield place


def rang(place: Town, since: float) -> list[float]:
    return [sent.at - since for sent in place.sms.pages]


async def test_the_turns_come_in_time(ladder: Town) -> None:
    began = ladder.clock.elapsed
    await ladder.fire()
    await ladder.turn(59)
    assert [it.address for it in ladder.slack.rooms[:1]] == ["C1"]
    assert rang(ladder, began) == []
    await ladder.turn(600)
    assert rang(ladder, began) == [120, 300]
    assert {sent.address for sent in ladder.sms.pages} == {"sms-ada"}


async def test_an_answer_stops_what_is_left_in_its_own_transaction(ladder: Town) -> None:
    began = ladder.clock.elapsed
    await ladder.fire()
    await ladder.turn(130)
    assert rang(ladder, began) == [120]
    await ladder.desk.apply(IncidentId(1), Acknowledge(by=ADA), actor=ADA, via="test")
    left = [it for it in await ladder.owed() if it.channel == "sms"]
    assert [it.status for it in left] == [DeliveryStatus.SENT, DeliveryStatus.CANCELLED]
    ladder.restart()
    await ladder.turn(1200, by=600)
    assert rang(ladder, began) == [120]


async def test_the_end_of_the_trouble_stops_it_too(ladder: Town) -> None:
    await ladder.fire()
    await ladder.turn(60)
    await ladder.fire(resolved(alert()))
    await ladder.turn(1200, by=600)
    assert ladder.sms.pages == []


async def test_a_crash_between_two_turns(ladder: Town) -> None:
    began = ladder.clock.elapsed
    await ladder.fire()
    await ladder.turn(90)
    ladder.restart()
    await ladder.turn(60)
    ladder.restart()
    await ladder.turn(300)
    assert rang(ladder, began) == [120, 300]


async def test_a_crash_that_takes_longer_than_two_turns(ladder: Town) -> None:
    await ladder.fire()
    await ladder.turn(10)
    ladder.restart()
    ladder.clock.advance(3000)
    await ladder.turn(5)
    assert len(ladder.sms.pages) in (1, 2), "each turn once at most"
    await ladder.turn(120)
    assert len(ladder.sms.pages) <= 2


async def test_a_reload_leaves_running_turns_and_counts_from_the_next_step(ladder: Town) -> None:
    began = ladder.clock.elapsed
    await ladder.fire()
    await ladder.turn(60)
    ladder.playbook.swap(playbook(ada(rules=())))
    await ladder.turn(1200, by=600)
    assert rang(ladder, began) == [120, 300], "as it began"
    await ladder.fire(alert("Other"))
    await ladder.turn(5)
    assert len(ladder.sms.pages) == 3, "critical: chat and sms at once, as everybody"


async def test_a_refused_turn_brings_the_next_one_at_once(ladder: Town) -> None:
    began = ladder.clock.elapsed
    ladder.slack.fault = Rejected("channel_not_found")
    await ladder.fire()
    await ladder.turn(5)
    assert rang(ladder, began) == [0]
    assert any(
        fact.endswith("its room is refused: channel_not_found; sms at once")
        for fact in await ladder.facts()
    )
    await ladder.turn(600)
    assert rang(ladder, began) == [0, 300], "the one of five minutes has its own time"


async def test_slack_down_and_a_critical_rings_within_a_minute(ladder: Town) -> None:
    began = ladder.clock.elapsed
    ladder.slack.fault = TryLater("Slack does not answer")
    await ladder.fire()
    await ladder.turn(600)
    assert rang(ladder, began)[0] <= 60


async def test_all_turns_fail_and_the_next_person_is_asked(ladder: Town) -> None:
    ladder.slack.fault = Rejected("gone")
    refuse = Rejected("unknown number")
    ladder.sms.fault = lambda message: refuse if message.asked == ("sms-ada",) else None
    await ladder.fire()
    await ladder.turn(5)
    assert [it.address for it in ladder.sms.pages] == ["sms-bob"]
    assert not (await ladder.incident()).undelivered


async def test_a_warning_in_quiet_hours_is_shown_and_rings_when_they_end(tmp_path: Path) -> None:
    people = ada(rules=(LADDER,), quiet=QUIET_NOW)
    async with town(tmp_path, playbook(people)) as place:
        began = place.clock.elapsed
        await place.fire(alert(severity="warning"))
        await place.turn(10)
        assert place.slack.rooms[0].message.asked == ("slack-ada",), "chat wakes nobody"
        await place.turn(3500, by=600)
        assert place.sms.pages == []
        facts = await place.facts()
        assert "quiet hours: nothing rings for ada until 13:00 UTC, then sms" in facts
        assert place.slack.rooms[0].message.facts[0] == ("State", "triggered, asked Ada")
        await place.turn(200)
        assert rang(place, began)[0] == pytest.approx(3600, abs=1)


async def test_who_has_only_a_phone_is_asked_later_and_the_next_one_now(tmp_path: Path) -> None:
    quiet = replace(person(ADA, "sms"), quiet=QUIET_NOW)
    async with town(tmp_path, playbook(quiet)) as place:
        await place.fire(alert(severity="warning"))
        await place.turn(10)
        room = place.slack.rooms[-1].message
        assert room.facts[0] == ("State", "triggered, asked Bob"), "Ada was not asked yet"
        await place.desk.apply(IncidentId(1), Acknowledge(by=BOB), actor=BOB, via="test")
        await place.turn(4000, by=600)
        assert place.sms.sent == [], "answered before her morning came: nothing to hear"


async def test_all_are_quiet_and_the_step_never_counts_as_delivered(tmp_path: Path) -> None:
    people = [replace(person(id, "sms"), quiet=QUIET_NOW) for id in (ADA, BOB)]
    two = replace(POLICY, repeat_after=600 * MINUTE)
    async with town(tmp_path, playbook(*people, policy=two)) as place:
        await place.fire(alert(severity="warning"))
        await place.turn(10)
        incident = await place.incident()
        assert (incident.step, incident.undelivered) == (1, True), "the next step at once"
        assert "step 1 reached nobody; step 2 at once" in await place.facts()
        assert place.sms.pages == []
        await place.turn(3700, by=600)
        assert sorted({it.address for it in place.sms.pages}) == ["sms-ada", "sms-bob"]


async def test_everyone_is_quiet_till_morning(tmp_path: Path) -> None:
    people = [replace(person(id, "sms"), quiet=QUIET_NOW) for id in (ADA, BOB)]
    async with town(tmp_path, playbook(*people)) as place:
        await place.fire(alert(severity="warning"))
        await place.turn(3000, by=600)
        incident = await place.incident()
        assert (incident.status, incident.undelivered) == (Status.TRIGGERED, True)
        assert place.sms.pages == []
        await place.turn(1200, by=600)
        assert {it.address for it in place.sms.pages} == {"sms-ada", "sms-bob"}


async def test_criticals_break_through(tmp_path: Path) -> None:
    async with town(tmp_path, playbook(ada(quiet=QUIET_NOW))) as place:
        await place.fire(alert(severity="critical"))
        await place.turn(1)
        assert [it.address for it in place.sms.pages] == ["sms-ada"]


async def test_news_of_a_warning_does_not_ring_in_quiet_hours(tmp_path: Path) -> None:
    quiet = replace(
        person(ADA, "sms"), quiet=QuietHours(hours=Hours(start=time(12, 5), end=time(13)))
    )
    lists = {"primary": OnCallList(name="primary", people=(ADA,))}
    book = replace(playbook(quiet), oncall=lists)
    async with town(tmp_path, book) as place:
        await place.fire(alert(severity="warning"))
        await place.turn(400)
        assert [it.address for it in place.sms.pages] == ["sms-ada"]
        await place.desk.apply(IncidentId(1), Acknowledge(by=CY), actor=CY, via="test")
        await place.turn(60)
        assert place.sms.notices == []
        await place.turn(3600, by=600)
        assert [it.address for it in place.sms.notices] == ["sms-ada"]
