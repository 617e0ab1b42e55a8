"""After an outage people get the present state: no backlog, nothing old as if it were new."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from routing.delivery.channel import TryLater
from routing.delivery.throttle import Pace
from routing.flow.deliver import Sender
from routing.incidents.events import Acknowledge
from storage.model.alert import Alert
from storage.model.delivery import DeliveryStatus
from storage.model.incident import IncidentId, Status
from tests.routing.town import BOB, PLAYBOOK, Town, alert, resolved, town

DOWN = TryLater("Slack does not answer")
BOOK = replace(PLAYBOOK, pace=Pace(single=3, within=60.0))


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, BOOK) as place:
        yield place


def rules(first: int, last: int, severity: str = "warning") -> list[Alert]:
    return [alert(f"Rule{n}", severity) for n in range(first, last + 1)]


def recaps(place: Town) -> list[str]:
    return [it.message.summary for it in place.slack.notices if it.address == "C1"]


async def test_a_thousand_in_an_outage_are_twenty_and_a_summary(here: Town) -> None:
    here.slack.fault = DOWN
    await here.fire(*rules(1, 300))
    await here.turn(60)
    await here.fire(*map(resolved, rules(1, 150)))
    await here.turn(120)
    here.slack.fault = None
    before = len(here.slack.tried)
    await here.turn(120)
    shown = {it.message.incident for it in here.slack.rooms}
    assert len(shown) <= 28, "and those on their way together, which find out that it is back"
    assert all(number and number > 150 for number in shown), "none that is over"
    assert len(here.slack.tried) - before <= 40
    told = recaps(here)
    assert len(told) <= 3, "of the storm, of what is over, and of what happened to it since"
    assert told[0].startswith("280 incidents more, still open: #21 Rule21,")
    assert any("150 incidents came and went meanwhile: #1 Rule1," in it for it in told)
    assert len(await here.open_incidents()) == 150


async def test_what_was_not_shown_is_shown_once_something_happens_to_it(here: Town) -> None:
    here.slack.fault = DOWN
    await here.fire(*rules(1, 130))
    await here.turn(30)
    here.slack.fault = None
    await here.turn(60)
    shown = {it.message.incident for it in here.slack.rooms}
    hidden = next(n for n in range(1, 131) if n not in shown)
    (room,) = [it for it in await here.owed(hidden) if it.key.endswith("/room/slack/C1")]
    assert (room.status, room.error) == (DeliveryStatus.CANCELLED, "told in a summary")
    assert any(fact.startswith("told in a summary by slack") for fact in await here.facts(hidden))
    await here.desk.apply(IncidentId(hidden), Acknowledge(by=BOB), actor=BOB, via="test")
    await here.turn(5)
    last = here.slack.rooms[-1].message
    assert (last.incident, last.status) == (hidden, Status.ACKNOWLEDGED)


async def test_who_was_to_be_asked_in_the_thread_is_asked_alone(here: Town) -> None:
    here.slack.fault = DOWN
    await here.fire(*rules(1, 130))
    await here.turn(30)
    here.slack.fault = None
    await here.turn(60)
    asked = [it for it in here.slack.pages if it.address == "slack-ada" and it.post is None]
    assert 1 <= len(asked) <= 4
    assert any(it.message.incident is None for it in asked), "gathered"


async def test_few_are_shown_and_what_is_over_is_found(here: Town) -> None:
    here.slack.fault = DOWN
    await here.fire(*rules(1, 5))
    await here.turn(5)
    await here.fire(*map(resolved, rules(1, 2)))
    await here.turn(120)
    here.slack.fault = None
    await here.turn(90)
    assert {it.message.incident for it in here.slack.rooms} == {3, 4, 5}
    assert recaps(here)[0].startswith("2 incidents came and went meanwhile: #1 Rule1, #2 Rule2\n")


async def test_when_nothing_is_open_any_more_there_is_the_summary_alone(here: Town) -> None:
    here.slack.fault = DOWN
    await here.fire(*rules(1, 5))
    await here.turn(5)
    await here.fire(*map(resolved, rules(1, 5)))
    await here.turn(300, by=100)
    here.slack.fault = None
    await here.turn(120)
    assert here.slack.rooms == []
    (text,) = recaps(here)
    assert text.startswith("5 incidents came and went meanwhile")


async def test_a_summary_outlives_another_outage(here: Town) -> None:
    here.slack.fault = DOWN
    await here.fire(*rules(1, 130))
    await here.turn(30)
    here.slack.fault = lambda it: None if it.incident else DOWN
    await here.turn(600)
    assert recaps(here) == []
    here.slack.fault = None
    await here.turn(90)
    assert recaps(here)[0].startswith("110 incidents more, still open: #21 Rule21,")
    assert len(recaps(here)) <= 2, "a second one of those that were escalated since"


async def test_a_page_that_waited_says_so_and_tells_the_present(here: Town) -> None:
    here.sms.fault = here.slack.fault = DOWN
    await here.fire(alert("Disk", "warning", host="a"))
    await here.turn(1)
    await here.fire(alert("Disk", "warning", host="b"))
    await here.turn(700, by=100)
    here.slack.fault = None
    await here.turn(70)
    (room,) = {it.message.incident for it in here.slack.rooms}
    assert room == 1
    here.sms.fault = None
    await here.turn(400, by=100)
    texts = [it.message for it in (*here.slack.pages, *here.sms.pages)]
    assert all(it.facts[0] != ("State", "triggered, asked Ada") or it.status for it in texts)


async def test_an_answered_incident_rings_nobody_when_the_channel_is_back(here: Town) -> None:
    here.sms.fault = here.slack.fault = DOWN
    await here.fire(*rules(1, 4, "critical"))
    await here.turn(20)
    await here.desk.apply(IncidentId(1), Acknowledge(by=BOB), actor=BOB, via="test")
    await here.fire(resolved(alert("Rule2")))
    here.sms.fault = here.slack.fault = None
    await here.turn(60)
    rang = {it.message.incident for it in here.sms.pages}
    assert 1 not in rang
    assert 2 not in rang


async def test_our_own_page_shows_every_incident(here: Town) -> None:
    here.sender = Sender(
        here.database,
        here.clock,
        {"slack": (here.slack.kind(is_chat=True, keeps_all=True), here.slack)},
        here.playbook,
        here.wake,
        "page",
    )
    await here.fire(*rules(1, 120))
    await here.turn(60)
    assert {it.message.incident for it in here.slack.rooms} == set(range(1, 121))
    assert recaps(here) == []


async def test_twenty_news_that_wait_for_one_room_are_one_message(here: Town) -> None:
    await here.fire(*rules(1, 20, "informational"), *rules(21, 23, "critical"))
    await here.turn(30)
    assert {it.message.incident for it in here.slack.rooms} == {21, 22, 23}
    (text,) = recaps(here)
    assert text.startswith("20 incidents more, still open: #1 Rule1,")
    assert "and #9-#20" in text
    await here.fire(*map(resolved, rules(1, 20, "informational")))
    await here.turn(30)
    assert {it.message.incident for it in here.slack.rooms} == {21, 22, 23}
    assert recaps(here)[1].startswith("20 incidents came and went meanwhile: #1 Rule1,")


async def test_a_few_news_are_shown_one_by_one(here: Town) -> None:
    await here.fire(*rules(1, 9, "informational"))
    await here.turn(30)
    assert {it.message.incident for it in here.slack.rooms} == set(range(1, 10))
    assert recaps(here) == []
