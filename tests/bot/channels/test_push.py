"""Other chats and push, by apprise, against services on loopback."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.push import CHANNEL, LONGEST_BODY, LONGEST_TITLE, Push, PushOptions, faults, words
from bot.channels.threads import Threads
from bot.config.secret import Secret
from routing.delivery.channel import Message, Rejected, TryLater
from routing.delivery.compose import ACTIONS
from storage.model.alert import Severity
from storage.model.delivery import Purpose
from storage.model.incident import Status
from tests.vendors.chats import TOKEN, Chats
from tests.vendors.faults import Failure, Fault

PAGE = Message(
    purpose=Purpose.PAGE,
    title="#42 CheckoutSlow",
    incident=42,
    status=Status.TRIGGERED,
    severity=Severity.CRITICAL,
    summary="p99 is 3.2 s",
    facts=(("State", "triggered, asked Ada"),),
    actions=ACTIONS[Status.TRIGGERED],
    link="https://tocsin.example.com/incidents/42",
    stages=("triggered.0.0",),
)
ROOM = replace(PAGE, purpose=Purpose.ROOM)


@pytest.fixture
async def chats() -> AsyncIterator[Chats]:
    async with Chats() as opened:
        yield opened


def push(chats: Chats, service: str = "json") -> Push:
    return Push(PushOptions(urls={"ada": Secret(chats.url(service))}))


@pytest.mark.parametrize("service", ["json", "mattermost", "ntfy"])
async def test_it_says_what_is_wrong_and_how_to_answer(chats: Chats, service: str) -> None:
    await push(chats, service).send(PAGE, "ada", "page/ada", None)
    ((_, told),) = chats.got
    for part in (
        "CRITICAL #42 CheckoutSlow",
        "triggered, asked Ada",
        "p99 is 3.2 s",
        "Answer: tocsin ack 42",
        "https://tocsin.example.com/incidents/42",
    ):
        assert part in str(list(told.values()))


async def test_a_room_hears_of_each_state_once(chats: Chats) -> None:
    channel = push(chats)
    first = await channel.send(ROOM, "ada", "room", None)
    again = await channel.send(replace(ROOM, summary="p99 is 3.3 s"), "ada", "room", first.post)
    over = replace(ROOM, status=Status.RESOLVED, stages=("resolved.1",), actions=())
    await channel.send(over, "ada", "room", again.post)
    assert len(chats.got) == 2


FAULTS = [
    Fault(failure=Failure.STATUS, status=500),
    Fault(failure=Failure.STATUS, status=404),
    Fault(failure=Failure.RATE_LIMIT),
    Fault(failure=Failure.RESET),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.failure}-{fault.status}")
async def test_what_fails_is_tried_later_and_shows_no_address(
    chats: Chats, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    chats.ledger.faults.add(fault)
    with pytest.raises(TryLater, match="push to ada: the service refused it") as later:
        await push(chats).send(PAGE, "ada", "page/ada", None)
    assert len(chats.ledger.calls) == 1
    hidden(later.value)
    assert TOKEN not in caplog.text


def hidden(error: BaseException | None) -> None:
    while error is not None:
        assert TOKEN not in f"{error} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__


async def test_a_service_that_is_away_is_tried_later(chats: Chats) -> None:
    await chats.down()
    with pytest.raises(TryLater) as later:
        await push(chats).send(PAGE, "ada", "page/ada", None)
    hidden(later.value)


async def test_a_name_that_nobody_configured_is_refused(chats: Chats) -> None:
    with pytest.raises(Rejected, match="no address is called 'bob'") as refused:
        await push(chats).send(PAGE, "bob", "page/bob", None)
    assert refused.value.advice == "add it to channels.push.urls; known: ada"
    with pytest.raises(TryLater):
        await push(chats).outcome("x")
    await push(chats).close()
    assert (CHANNEL.is_chat, CHANNEL.asks, CHANNEL.shows_rooms) == (False, True, True)


HOSTILE = [
    "x" * 10_000, "<!channel> <@U012ABCDEF> @everyone @here", "[x](https://evil.example.com)",
    "<b>html</b>", "one\r\ntwo: three", "\u202egnihton", "🔥" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("service", ["json", "mattermost", "ntfy"])
async def test_hostile_text_pings_nobody_and_links_nowhere(
    chats: Chats, text: str, service: str
) -> None:
    bad = replace(PAGE, title=f"#42 {text}", summary=text, facts=(("State", text),))
    await push(chats, service).send(bad, "ada", "page/ada", None)
    ((_, told),) = chats.got
    shown = str(list(told.values()))
    for sign in ("<!channel", "<@U", "@everyone", "](https", "<b>", "https://evil"):
        assert sign not in shown
    assert "\u202e" not in shown


@given(st.text(max_size=3_000), st.text(max_size=300))
def test_it_is_short_and_never_empty(summary: str, title: str) -> None:
    head, body = words(replace(PAGE, summary=summary, title=title))
    signs = 2  # each may be followed by one that holds it apart
    assert len(head) <= LONGEST_TITLE * signs
    assert 0 < len(body) <= LONGEST_BODY * signs + 80
    assert body.endswith("Answer: tocsin ack 42\nhttps://tocsin.example.com/incidents/42")


def test_an_address_that_no_service_takes_is_told_and_not_shown() -> None:
    urls = {"good": Secret("json://127.0.0.1/x"), "bad": Secret("verysecret://x")}
    ((way, text),) = faults(PushOptions(urls=urls))
    assert way == ("urls", "bad")
    assert "no service takes" in text
    assert "verysecret" not in text


async def test_a_call_that_hangs_costs_its_place_and_nothing_else() -> None:
    threads, ended = Threads(most=1), asyncio.Event()
    loop = asyncio.get_running_loop()

    released = threading.Event()

    def hang() -> str:
        released.wait(30)
        loop.call_soon_threadsafe(ended.set)
        return "late"

    with pytest.raises(TimeoutError):
        await threads.run(hang, 0.05)
    with pytest.raises(TimeoutError):
        await threads.run(lambda: "never begun", 0.05)
    released.set()
    await ended.wait()
    assert await threads.run(lambda: "served", 30) == "served"


async def test_what_a_call_raises_is_raised() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Threads().run(fail, 30)
