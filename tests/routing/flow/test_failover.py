"""When a channel or a person cannot be reached: the next way, the next person, never silence."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from routing.delivery.channel import Receipt, Rejected, TryLater
from routing.incidents.events import Acknowledge
from storage.model.delivery import DeliveryStatus
from storage.model.incident import IncidentId, Status
from storage.model.person import OnCallList, PersonId
from storage.model.policy import Room, Step
from tests.routing.town import (
    ADA,
    BOB,
    FIVE,
    PEOPLE,
    PLAYBOOK,
    POLICY,
    PRIMARY,
    SECOND,
    Town,
    alert,
    person,
    town,
)

CHAT_FIRST = replace(
    POLICY,
    steps=(
        Step(after=timedelta(0), targets=(PRIMARY,), by=("chat",)),
        Step(after=FIVE, targets=(SECOND,), by=("chat",)),
    ),
)
BOTH = ("chat", "sms")
DOWN = TryLater("Slack does not answer")


@pytest.fixture
async def chat_first(tmp_path: Path) -> AsyncIterator[Town]:
    """A town that asks by chat only; the phone is for when chat fails."""
    async with town(tmp_path, replace(PLAYBOOK, policies={"default": CHAT_FIRST})) as place:
        yield place


async def test_a_refused_page_goes_by_the_next_channel_at_once(chat_first: Town) -> None:
    chat_first.slack.fault = Rejected("channel_not_found", advice="invite Tocsin to the channel")
    await chat_first.fire()
    await chat_first.turn()
    assert [sent.address for sent in chat_first.sms.pages] == ["sms-ada"]
    assert (
        "not delivered: slack to Ada: its room is refused: channel_not_found; going by sms"
    ) in await chat_first.facts()
    assert (await chat_first.incident()).undelivered is False


async def test_administrators_hear_once_of_a_refusal_and_what_to_do(chat_first: Town) -> None:
    chat_first.slack.fault = Rejected("channel_not_found", advice="invite Tocsin to the channel")
    await chat_first.fire(*(alert(f"Rule{n}") for n in range(5)))
    await chat_first.turn(30)
    told = [sent for sent in chat_first.sms.notices if sent.address == "sms-root"]
    about_room = [it for it in told if it.message.summary.startswith("channel_not_found")]
    assert len(about_room) == 1
    assert "invite Tocsin to the channel" in about_room[0].message.summary
    rooms = [place for place, _ in chat_first.slack.tried if place == "C1"]
    assert len(rooms) <= 2 * 5


async def test_chat_down_for_ten_minutes_and_criticals_arrive_within_a_minute(
    chat_first: Town,
) -> None:
    chat_first.slack.fault = DOWN
    begun, numbers = chat_first.clock.elapsed, list(range(1, 6))
    await chat_first.fire(*(alert(f"Rule{n}") for n in numbers))
    await chat_first.turn(600)
    asked = {(it.address, it.message.incident): it.at - begun for it in chat_first.sms.pages}
    first = [asked["sms-ada", number] for number in numbers]
    second = [asked["sms-cy", number] for number in numbers]
    assert max(first) <= 60
    assert max(second) <= 300 + 60
    assert chat_first.slack.sent == []

    chat_first.slack.fault = None
    await chat_first.turn(120)
    shown = sorted(it.message.incident or 0 for it in chat_first.slack.rooms)
    assert shown == numbers  # each shows its present state once
    assert {it.message.title for it in chat_first.slack.pages} == set()


async def test_gaps_between_tries_grow(here: Town) -> None:
    here.slack.fault = DOWN
    await here.fire()
    await here.turn(300)
    times = [at for _, at in here.slack.tried]
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert gaps[:6] == sorted(gaps[:6])
    assert gaps[0] >= 0.5
    assert max(gaps) <= 60 + 20  # the test looks every 20 s at the latest
    assert len(times) < 16


async def test_retry_after_holds_the_whole_address(here: Town) -> None:
    here.slack.fault = TryLater("ratelimited", after=30)
    await here.fire(alert("A"), alert("B"), alert("C"))
    await here.turn()
    here.slack.fault = None
    limited = len(here.slack.tried)
    await here.turn(29)
    assert len(here.slack.tried) == limited
    await here.turn(2)
    assert len(here.slack.rooms) == 3


async def test_all_ways_of_a_person_fail_and_the_next_on_call_is_asked(here: Town) -> None:
    refuse = Rejected("unknown number")
    here.sms.fault = lambda message: refuse if message.asked == ("sms-ada",) else None
    here.slack.fault = Rejected("account_inactive")
    await here.fire()
    await here.turn()
    assert [sent.address for sent in here.sms.pages] == ["sms-bob"]
    assert (await here.incident()).rung == (ADA, BOB)
    told = [line for line in await here.facts() if line.startswith("not delivered")]
    assert any("asking Bob by slack and sms" in line for line in told)
    assert (await here.incident()).undelivered is False


async def test_nobody_can_be_reached_and_the_incident_says_so_and_goes_on(here: Town) -> None:
    here.slack.fault = here.sms.fault = Rejected("account closed")
    await here.fire()
    await here.turn()
    incident = await here.incident()
    assert (incident.undelivered, incident.step) == (True, 1)  # the next step came at once
    await here.turn(120)
    assert (await here.incident()).status is Status.TRIGGERED
    here.slack.fault = here.sms.fault = None
    await here.turn(1500, by=600)
    assert (await here.incident()).round >= 1
    assert here.sms.pages  # never silent


async def test_a_step_that_names_nobody_is_passed_over_aloud(tmp_path: Path) -> None:
    empty = replace(PLAYBOOK, oncall={"primary": OnCallList(name="primary", people=())})
    async with town(tmp_path, empty) as here:
        await here.fire()
        await here.turn()
        assert [sent.address for sent in here.sms.pages] == ["sms-cy"]
        assert "step 1 reached nobody; step 2 at once" in await here.facts()
        await here.turn(901)
        assert [sent.address for sent in here.sms.pages] == ["sms-cy", "sms-cy"]


async def test_an_sms_that_is_proven_lost_goes_on(here: Town) -> None:
    await here.fire()
    await here.turn()
    here.sms.outcomes["sms-1"] = Receipt(
        provider_id="sms-1", status=DeliveryStatus.FAILED, error="30003 unreachable"
    )
    await here.turn(3)
    lost = "not delivered: sms to Ada: 30003 unreachable; asking Bob by slack and sms"
    assert lost in await here.facts()
    page = next(it for it in await here.owed() if it.channel == "sms" and it.person == ADA)
    assert page.status is DeliveryStatus.FAILED
    assert [sent.address for sent in here.sms.pages] == ["sms-ada", "sms-bob"]


@pytest.mark.parametrize(("severity", "people"), [("critical", (ADA,)), ("warning", (ADA, BOB))])
async def test_chat_that_asks_as_well_is_enough_where_nobody_is_left_or_it_is_not_critical(
    tmp_path: Path, severity: str, people: tuple[PersonId, ...]
) -> None:
    book = replace(PLAYBOOK, oncall={"primary": OnCallList(name="primary", people=people)})
    both = replace(POLICY, steps=(Step(after=timedelta(0), targets=(PRIMARY,), by=BOTH),))
    async with town(tmp_path, replace(book, policies={"default": both})) as here:
        here.sms.fault = Rejected("30003 unreachable")
        await here.fire(alert(severity=severity))
        await here.turn(3)
        lost = "not delivered: sms to Ada: 30003 unreachable; slack asks as well"
        assert lost in await here.facts()
        assert (await here.incident()).rung == (ADA,)


async def test_an_sms_with_proof_and_one_without(here: Town) -> None:
    await here.fire(alert("A"), alert("B"))
    await here.turn()
    here.sms.outcomes["sms-1"] = Receipt(provider_id="sms-1", status=DeliveryStatus.DELIVERED)
    await here.turn(15 * 60, by=600)
    pages = [it for n in (1, 2) for it in await here.owed(n) if it.channel == "sms"]
    first = {it.provider_id: it.status for it in pages if it.person == ADA and it.round == 0}
    assert first == {"sms-1": DeliveryStatus.DELIVERED, "sms-2": DeliveryStatus.UNPROVEN}


async def test_a_channel_that_nobody_opened_is_passed_over(tmp_path: Path) -> None:
    pager = person(ADA, "pager", "sms")
    people = {**PEOPLE, ADA: pager}
    policy = replace(
        POLICY, rooms=(), steps=(replace(POLICY.steps[0], by=("pager",)), POLICY.steps[1])
    )
    playbook = replace(PLAYBOOK, people=people, policies={"default": policy})
    async with town(tmp_path, playbook) as here:
        await here.fire()
        await here.turn()
        assert [sent.address for sent in here.sms.pages] == ["sms-ada"]
        expected = "not delivered: pager to Ada: no channel is called 'pager'; going by sms"
        assert expected in await here.facts()


async def test_two_rooms_do_not_wait_for_each_other(tmp_path: Path) -> None:
    policy = replace(POLICY, rooms=(*POLICY.rooms, Room(channel="sms", address="board")))
    async with town(tmp_path, replace(PLAYBOOK, policies={"default": policy})) as here:
        here.slack.fault = DOWN
        await here.fire()
        await here.turn()
        assert sorted(sent.address for sent in here.sms.sent) == ["board", "sms-ada"]


async def test_failover_after_an_answer_asks_nobody(chat_first: Town) -> None:
    chat_first.slack.fault = DOWN
    await chat_first.fire()
    await chat_first.turn(30)
    ask = Acknowledge(by=BOB)
    await chat_first.desk.apply(IncidentId(1), ask, actor=BOB, via="cli")
    await chat_first.turn(600)
    assert chat_first.sms.pages == []


async def test_a_person_who_left_the_configuration_does_not_stop_the_rest(here: Town) -> None:
    here.slack.fault = DOWN
    await here.fire()
    people = {id: it for id, it in PEOPLE.items() if id != ADA}
    here.playbook.swap(replace(PLAYBOOK, people=people))
    here.sms.fault = Rejected("unknown number")
    await here.turn(120)
    assert PersonId("bob") in (await here.incident()).rung
