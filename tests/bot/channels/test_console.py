"""The console as a channel: what stands in its rooms, and what an open page is told."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.channels.console import CHANNEL, MOST_CARDS, MOST_UNREAD, Console, ConsoleOptions
from routing.delivery.channel import Action, Line, Message
from storage.model.alert import Severity
from storage.model.delivery import Post, Purpose
from storage.model.incident import IncidentId, Status

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ROOM = "#alarms"


def line(number: int) -> Line:
    return Line(id=number, at=NOON, text=f"line {number}")


def message(incident: int = 12, **changes: object) -> Message:
    told = Message(
        purpose=Purpose.ROOM,
        title=f"#{incident} CheckoutSlow",
        incident=incident,
        status=Status.TRIGGERED,
        severity=Severity.CRITICAL,
        summary="p95 is 2 s",
        facts=(("State", "triggered"),),
        actions=(Action(verb="ack", label="Acknowledge"),),
        lines=(line(1), line(2)),
        asked=("ada",),
        asked_keys=("incident/12/round/0/step/0/ada/console",),
    )
    return replace(told, **changes)  # type: ignore[arg-type]


async def test_the_first_message_of_an_incident_carries_its_pages() -> None:
    receipt = await Console().send(message(), ROOM, "key", None)
    assert receipt.post == Post(
        incident=IncidentId(12),
        channel="console",
        address=ROOM,
        message_id="#alarms/12",
        told=2,
        asked=("incident/12/round/0/step/0/ada/console",),
    )


async def test_a_later_message_edits_the_card_and_adds_to_its_history() -> None:
    console = Console()
    first = await console.send(message(), ROOM, "key", None)
    later = message(lines=(line(2), line(3)), asked=(), asked_keys=("new",), summary="p95 is 3 s")
    second = await console.send(later, ROOM, "key", first.post)
    [card] = console.cards()
    assert (card.message.summary, [it.id for it in card.lines]) == ("p95 is 3 s", [1, 2, 3])
    assert card.asked == ("ada",)
    assert second.post == replace(first.post, told=3)  # type: ignore[type-var]


async def test_an_answer_ends_the_asking() -> None:
    console = Console()
    first = await console.send(message(), ROOM, "key", None)
    await console.send(message(status=Status.ACKNOWLEDGED), ROOM, "key", first.post)
    assert console.cards()[0].asked == ()


async def test_a_page_asks_on_the_card() -> None:
    console = Console()
    receipt = await console.send(message(), ROOM, "key", None)
    page = message(purpose=Purpose.PAGE, lines=())
    await console.send(page, "bob", "incident/12/round/0/step/1/bob/console", receipt.post)
    assert console.cards()[0].asked == ("ada", "bob")


async def test_a_page_tells_everything_then_what_comes() -> None:
    console = Console()
    await console.send(message(), ROOM, "key", None)
    stream = console.stream()
    hello = await anext(stream)
    assert (hello.name, [card["title"] for card in hello.data["cards"]]) == (
        "hello",
        ["#12 CheckoutSlow"],
    )
    await console.send(message(13), ROOM, "key", None)
    notice = message(purpose=Purpose.NOTICE, summary="Ada has it")
    await console.send(notice, "bob", "incident/12/round/0/taken/bob", None)
    card, told = await anext(stream), await anext(stream)
    assert (card.name, card.data["incident"]) == ("card", 13)
    assert (told.name, told.data["summary"]) == ("notice", "Ada has it")
    console.end_streams()
    assert [event async for event in stream] == []
    assert console.readers == 0


async def test_a_page_that_does_not_read_is_let_go() -> None:
    console = Console()
    stream = console.stream()
    await anext(stream)
    for _ in range(MOST_UNREAD + 10):
        console.tell("tick", {})
    assert len([event async for event in stream]) == MOST_UNREAD


async def test_the_oldest_that_is_over_makes_room() -> None:
    console = Console()
    await console.send(message(1), ROOM, "key", None)
    await console.send(message(2, status=Status.RESOLVED), ROOM, "key", None)
    for number in range(3, MOST_CARDS + 2):
        await console.send(message(number), ROOM, "key", None)
    kept = {card.message.incident for card in console.cards()}
    assert len(kept) == MOST_CARDS
    assert 1 in kept
    assert 2 not in kept


async def test_when_it_was_first_shown_is_kept_through_edits() -> None:
    console = Console()
    await console.send(message(), ROOM, "key", None)
    first = console.cards()[0].shown_at
    await console.send(message(summary="worse"), ROOM, "key", None)
    assert console.cards()[0].shown_at == first > 0


def test_what_is_shown_again_after_a_start_was_shown_before() -> None:
    console = Console()
    console.show(ROOM, message())
    assert console.cards()[0].shown_at == 0.0


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "&amp; <!channel>", "{{ 7*7 }}"])
async def test_text_is_passed_on_as_it_is(text: str) -> None:
    console = Console()
    await console.send(message(summary=text), ROOM, "key", None)
    assert console.cards()[0].as_json()["summary"] == text


def test_it_is_a_channel_of_chat() -> None:
    assert (CHANNEL.name, CHANNEL.is_chat) == ("console", True)
    assert isinstance(CHANNEL.open(ConsoleOptions()), Console)
