"""The Slack channel on the wire: posting, editing, threads, and what every failure becomes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.channels.slack import CHANNEL, Slack, SlackOptions
from bot.config.secret import Secret
from routing.delivery.channel import Line, Message, Receipt, Rejected, TryLater
from routing.delivery.compose import ACTIONS
from storage.model.alert import Severity
from storage.model.delivery import Post, Purpose
from storage.model.incident import IncidentId, Status
from tests.vendors.faults import Failure, Fault
from tests.vendors.slack import SlackServer

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KEY = "incident/42/room/slack/C1"
OPENED, PAGED, TAKEN = (
    Line(id=11, at=NOON, text="Opened"),
    Line(id=12, at=NOON, text="Step 1: asked Ada"),
    Line(id=15, at=NOON, text="Acknowledged by Ada"),
)
OPEN = Message(
    purpose=Purpose.ROOM,
    title="#42 CheckoutSlow",
    incident=42,
    version=2,
    status=Status.TRIGGERED,
    severity=Severity.CRITICAL,
    summary="p99 is 3.2 s",
    actions=ACTIONS[Status.TRIGGERED],
    lines=(OPENED, PAGED),
    asked=("U1",),
    asked_keys=("page/ada",),
)
ACKED = replace(
    OPEN,
    version=3,
    status=Status.ACKNOWLEDGED,
    actions=ACTIONS[Status.ACKNOWLEDGED],
    lines=(OPENED, PAGED, TAKEN),
    asked=(),
    asked_keys=(),
)
OVER = replace(ACKED, status=Status.RESOLVED, actions=())
PAGE = replace(OPEN, purpose=Purpose.PAGE, lines=(), asked=("U2",), asked_keys=())
NOTICE = replace(PAGE, purpose=Purpose.NOTICE, summary="Taken by Ada", asked=(), actions=())


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.limits.enforced = False
        yield server


@pytest.fixture
async def channel(slack: SlackServer) -> AsyncIterator[Slack]:
    opened = Slack(options(slack))
    yield opened
    await opened.close()


def options(slack: SlackServer) -> SlackOptions:
    return SlackOptions(
        bot_token=Secret(slack.bot_token),
        app_token=Secret(slack.app_token),
        api_url=slack.api_url,
    )


async def posted(channel: Slack, message: Message = OPEN) -> Post:
    receipt = await channel.send(message, "C1", KEY, None)
    assert receipt.post is not None
    return receipt.post


async def test_the_first_message_stands_alone_and_pings_those_asked(
    slack: SlackServer, channel: Slack
) -> None:
    receipt = await channel.send(OPEN, "C1", KEY, None)
    (top,) = slack.messages("C1")
    assert receipt == Receipt(
        provider_id=top.ts,
        post=Post(
            incident=IncidentId(42),
            channel="slack",
            address="C1",
            message_id=top.ts,
            asked=("page/ada",),
        ),
    )
    assert top.actions == ["ack", "snooze 30m", "resolve", "more"]
    assert "<@U1>" in top.blocks[1]["text"]["text"]
    assert top.metadata == {
        "event_type": "tocsin_incident",
        "event_payload": {"key": KEY, "incident": 42, "version": 2, "asked": ["page/ada"]},
    }


async def test_a_change_edits_in_place_and_tells_the_thread_what_is_new(
    slack: SlackServer, channel: Slack
) -> None:
    post = await posted(channel)
    acked = await channel.send(ACKED, "C1", KEY, post)
    (top,) = slack.messages("C1")
    assert top.actions == ["snooze 30m", "resolve", "more"]
    assert acked.post == replace(post, told=15)
    (told,) = slack.thread("C1", top.ts)
    assert told.blocks[0]["text"]["text"].splitlines() == [
        "12:00:00 UTC Opened",
        "12:00:00 UTC Step 1: asked Ada",
        "12:00:00 UTC Acknowledged by Ada",
    ]
    over = replace(OVER, lines=(TAKEN, Line(id=20, at=NOON, text="Resolved by itself")))
    assert acked.post is not None
    await channel.send(over, "C1", KEY, acked.post)
    assert top.actions == [], "what is over has no live buttons"
    assert [one.text for one in slack.thread("C1", top.ts)] == [
        "Acknowledged by Ada",
        "Resolved by itself",
    ]


async def test_nothing_new_makes_no_reply(slack: SlackServer, channel: Slack) -> None:
    post = replace(await posted(channel), told=15)
    await channel.send(ACKED, "C1", KEY, post)
    assert slack.thread("C1", post.message_id) == []


async def test_a_page_is_said_in_the_thread(slack: SlackServer, channel: Slack) -> None:
    post = await posted(channel)
    receipt = await channel.send(PAGE, "U2", "page/ben", post)
    (reply,) = slack.thread("C1", post.message_id)
    assert reply.blocks[0]["text"]["text"].startswith("<@U2> please answer")
    assert receipt == Receipt(provider_id=reply.ts, post=post)


async def test_a_page_that_the_top_message_carried_is_not_said_again(
    slack: SlackServer, channel: Slack
) -> None:
    post = await posted(channel)
    before = len(slack.calls())
    assert (await channel.send(PAGE, "U1", "page/ada", post)).provider_id == post.message_id
    assert len(slack.calls()) == before


async def test_an_address_that_pings_nobody_carries_no_page(
    slack: SlackServer, channel: Slack
) -> None:
    post = await posted(channel, replace(OPEN, asked=("!channel",)))
    assert post.asked == ()
    assert "!channel" not in str(slack.messages("C1")[0].blocks)


async def test_without_a_thread_a_person_is_told_directly(
    slack: SlackServer, channel: Slack
) -> None:
    await channel.send(NOTICE, "U2", "notice/ben", None)
    (told,) = slack.messages("DU2")
    assert "Taken by Ada" in str(told.blocks)
    assert told.actions == []


async def test_a_notice_is_said_in_the_thread_and_names_the_person(
    slack: SlackServer, channel: Slack
) -> None:
    post = await posted(channel)
    await channel.send(NOTICE, "U2", "notice/ben", post)
    (said,) = slack.thread("C1", post.message_id)
    assert "<@U2>" in str(said.blocks)
    assert "Taken by Ada" in str(said.blocks)
    assert slack.messages("DU2") == []


async def test_a_notice_goes_to_the_person_where_the_room_refuses_it(
    slack: SlackServer, channel: Slack
) -> None:
    post = await posted(channel)
    slack.space.channels["C1"].is_archived = True
    await channel.send(NOTICE, "U2", "notice/ben", post)
    assert len(slack.messages("DU2")) == 1
    with pytest.raises(Rejected, match="is_archived"):
        await channel.send(PAGE, "U2", "page/ben", post)


async def test_what_a_crash_cut_off_is_looked_for(slack: SlackServer, channel: Slack) -> None:
    """Twice the same from a process that knows nothing of the first time: once in Slack."""
    post = await posted(channel)
    after = Slack(options(slack))
    first = await after.send(replace(OPEN, doubted_since=NOON), "C1", KEY, None)
    assert first.provider_id == post.message_id
    acked = await channel.send(ACKED, "C1", KEY, replace(post, told=12))
    again = await after.send(replace(ACKED, doubted_since=NOON), "C1", KEY, replace(post, told=12))
    assert again.post == acked.post
    await channel.send(PAGE, "U2", "page/ben", post)
    await after.send(replace(PAGE, doubted_since=NOON), "U2", "page/ben", post)
    await after.close()
    (top,) = slack.messages("C1")
    told = [one.text for one in slack.thread("C1", top.ts)]
    assert told.count("Acknowledged by Ada") == 1
    assert len(told) == 3, "the story so far, what came later, the page"


async def test_a_message_deleted_by_hand_is_posted_anew(slack: SlackServer, channel: Slack) -> None:
    post = await posted(channel)
    slack.messages("C1")[0].deleted_at = 1.0
    receipt = await channel.send(replace(ACKED, asked_keys=("b",)), "C1", KEY, post)
    (top,) = slack.messages("C1")
    assert receipt.post == replace(post, message_id=top.ts, asked=("page/ada", "b"))
    page = await channel.send(PAGE, "U2", "page/ben", post)
    assert page.provider_id == slack.messages("C1")[1].ts, "no thread left: said in the room"


TEMPORARY = [
    pytest.param(Fault(failure=Failure.STATUS, status=503), id="503"),
    pytest.param(Fault(failure=Failure.STATUS, status=500), id="500"),
    pytest.param(Fault(failure=Failure.RESET), id="reset"),
    pytest.param(Fault(failure=Failure.HTML), id="a-web-page"),
    pytest.param(Fault(failure=Failure.TRUNCATED), id="half-an-answer"),
    pytest.param(Fault(failure=Failure.ERROR, error="internal_error"), id="internal_error"),
    pytest.param(Fault(failure=Failure.ERROR, error="fatal_error"), id="fatal_error"),
    pytest.param(Fault(failure=Failure.ERROR, error="request_timeout"), id="request_timeout"),
    pytest.param(
        Fault(failure=Failure.ERROR, error="service_unavailable"), id="service_unavailable"
    ),
]


@pytest.mark.parametrize("fault", TEMPORARY)
@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_what_may_pass_is_tried_later_by_the_outbox(
    slack: SlackServer, channel: Slack, fault: Fault, method: str
) -> None:
    post = None if method == "chat.postMessage" else await posted(channel)
    slack.faults.add(replace(fault, method=method, times=1))
    with pytest.raises(TryLater) as later:
        await channel.send(ACKED, "C1", KEY, post)
    assert str(later.value).startswith(f"Slack, {method} in C1")
    assert slack.bot_token not in str(later.value)
    assert slack.faults.hits == 1, "the channel itself repeats nothing"
    receipt = await channel.send(ACKED, "C1", KEY, post)
    assert receipt.post is not None
    assert [one.ts for one in slack.messages("C1")] == [receipt.post.message_id]


async def test_slack_away_is_tried_later(slack: SlackServer, channel: Slack) -> None:
    await slack.down()
    with pytest.raises(TryLater, match="cannot be reached"):
        await channel.send(OPEN, "C1", KEY, None)


async def test_slack_says_how_long_to_wait(slack: SlackServer, channel: Slack) -> None:
    slack.faults.add(Fault(failure=Failure.RATE_LIMIT, seconds=17))
    with pytest.raises(TryLater) as later:
        await channel.send(OPEN, "C1", KEY, None)
    assert later.value.after == 17


REFUSALS = {
    "not_in_channel": "/invite @tocsin",
    "channel_not_found": "/invite @tocsin",
    "is_archived": "unarchive",
    "invalid_auth": "channels.slack.bot_token",
    "token_revoked": "channels.slack.bot_token",
    "account_inactive": "install it again",
    "missing_scope": "tocsin slack manifest",
    "restricted_action": "posting permissions",
    "some_new_word": "",
}


@pytest.mark.parametrize(("word", "advice"), REFUSALS.items())
async def test_a_refusal_is_final_and_says_what_to_do(
    slack: SlackServer, channel: Slack, word: str, advice: str
) -> None:
    slack.faults.add(Fault(failure=Failure.ERROR, error=word))
    with pytest.raises(Rejected) as refused:
        await channel.send(OPEN, "C1", KEY, None)
    assert str(refused.value) == f"Slack, chat.postMessage in C1: {word}"
    assert advice in refused.value.advice
    assert len(slack.calls()) == 1


async def test_a_missing_scope_is_named(slack: SlackServer, channel: Slack) -> None:
    slack.scopes.remove("chat:write")
    with pytest.raises(Rejected, match=r"missing_scope \(chat:write\)"):
        await channel.send(OPEN, "C1", KEY, None)


@pytest.mark.parametrize("word", ["invalid_blocks", "msg_too_long", "msg_blocks_too_long"])
@pytest.mark.parametrize("editing", [False, True], ids=["new", "edit"])
async def test_what_slack_cannot_show_is_said_in_plain_words(
    slack: SlackServer, channel: Slack, word: str, editing: bool
) -> None:
    post = await posted(channel) if editing else None
    slack.faults.add(Fault(failure=Failure.ERROR, error=word, times=1))
    await channel.send(replace(OPEN, title="#42 <b> & co", lines=()), "C1", KEY, post)
    (top,) = slack.messages("C1")
    assert top.text.endswith("Triggered, critical: #42 &lt;b&gt; &amp; co - p99 is 3.2 s")
    assert top.blocks == []
    assert ("<@U1>" in top.text) is not editing


async def test_plain_words_refused_as_well_is_final(slack: SlackServer, channel: Slack) -> None:
    slack.faults.add(Fault(failure=Failure.ERROR, error="invalid_blocks"))
    with pytest.raises(Rejected):
        await channel.send(OPEN, "C1", KEY, None)
    assert len(slack.calls()) == 2


AMBIGUOUS: list[Any] = [
    pytest.param(Fault(failure=Failure.RESET, work_done=True), id="reset"),
    pytest.param(Fault(failure=Failure.STATUS, status=502, work_done=True), id="502"),
    pytest.param(Fault(failure=Failure.TRUNCATED), id="half-an-answer"),
    pytest.param(Fault(failure=Failure.ERROR, error="fatal_error", work_done=True), id="fatal"),
]


@pytest.mark.parametrize("fault", AMBIGUOUS)
async def test_a_message_posted_without_a_receipt_is_found_again(
    slack: SlackServer, channel: Slack, fault: Fault
) -> None:
    slack.faults.add(replace(fault, method="chat.postMessage", times=1))
    with pytest.raises(TryLater) as later:
        await channel.send(OPEN, "C1", KEY, None)
    assert later.value.doubtful, "remembered over a crash"
    receipt = await channel.send(replace(ACKED, asked_keys=("late",)), "C1", KEY, None)
    (top,) = slack.messages("C1")
    assert receipt.post is not None
    assert (receipt.post.message_id, receipt.post.asked) == (top.ts, ("page/ada",))
    assert top.actions == ["snooze 30m", "resolve", "more"], "and brought up to date"


async def test_a_call_cut_off_by_the_sender_is_looked_for_as_well(
    slack: SlackServer, channel: Slack
) -> None:
    slow = Fault(failure=Failure.SLOW, seconds=60, method="chat.postMessage", times=1)
    slack.faults.add(slow)
    sending = asyncio.create_task(channel.send(OPEN, "C1", KEY, None))
    await slack.until(lambda: slack.messages("C1"))
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending
    await channel.send(OPEN, "C1", KEY, None)
    assert len(slack.messages("C1")) == 1


async def test_where_slack_does_not_let_us_look_one_copy_too_many_is_better_than_none(
    slack: SlackServer, channel: Slack
) -> None:
    slack.scopes -= {"channels:history", "groups:history", "im:history"}
    slack.faults.add(Fault(failure=Failure.RESET, work_done=True, times=1))
    with pytest.raises(TryLater):
        await channel.send(OPEN, "C1", KEY, None)
    await channel.send(OPEN, "C1", KEY, None)
    assert len(slack.messages("C1")) == 2


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("fault", AMBIGUOUS)
async def test_a_person_told_alone_without_a_receipt_is_not_told_twice(
    slack: SlackServer, channel: Slack, fault: Fault, crash: bool
) -> None:
    slack.faults.add(replace(fault, method="chat.postMessage", times=1))
    with pytest.raises(TryLater):
        await channel.send(PAGE, "U2", "page/ben", None)
    (said,) = slack.messages("DU2")
    if crash:  # a process that knows nothing of the first time
        channel = Slack(options(slack))
        receipt = await channel.send(replace(PAGE, doubted_since=NOON), "U2", "page/ben", None)
        await channel.close()
    else:
        receipt = await channel.send(PAGE, "U2", "page/ben", None)
    assert receipt.provider_id == said.ts
    assert slack.messages("DU2") == [said]


@pytest.mark.parametrize("scope", ["im:write", "im:history"])
async def test_an_app_installed_before_the_scope_was_asked_for_tells_once_more(
    slack: SlackServer, channel: Slack, scope: str
) -> None:
    slack.scopes -= {scope}
    lost = Fault(failure=Failure.RESET, method="chat.postMessage", work_done=True, times=1)
    slack.faults.add(lost)
    with pytest.raises(TryLater):
        await channel.send(PAGE, "U2", "page/ben", None)
    await channel.send(PAGE, "U2", "page/ben", None)
    assert len(slack.messages("DU2")) == 2


async def test_a_copy_that_slack_shows_too_late_is_removed_with_the_next_change(
    slack: SlackServer, channel: Slack
) -> None:
    """The first call is cut off; Slack does its work after we looked for it in vain."""
    slack.faults.add(Fault(failure=Failure.RESET, method="chat.postMessage", times=1))
    with pytest.raises(TryLater):
        await channel.send(OPEN, "C1", KEY, None)
    receipt = await channel.send(OPEN, "C1", KEY, None)
    (top,) = slack.messages("C1")
    slack.space.post("C1", "UBOT", top.text, top.blocks, metadata=top.metadata)
    assert len(slack.messages("C1")) == 2
    await channel.send(ACKED, "C1", KEY, receipt.post)
    assert slack.messages("C1") == [top], "the stray copy is gone, and its buttons with it"
    assert "Acknowledged" in str(top.blocks)


async def test_of_two_copies_the_one_with_the_thread_stays(
    slack: SlackServer, channel: Slack
) -> None:
    post = await posted(channel)
    (top,) = slack.messages("C1")
    slack.space.post("C1", "UBOT", top.text, top.blocks, metadata=top.metadata)
    after = Slack(options(slack))
    receipt = await after.send(replace(ACKED, doubted_since=NOON), "C1", KEY, None)
    await after.close()
    assert receipt.provider_id == post.message_id
    assert slack.messages("C1") == [top]


async def test_a_page_and_a_history_without_a_receipt_are_not_said_twice(
    slack: SlackServer, channel: Slack
) -> None:
    post = await posted(channel)
    lost = Fault(failure=Failure.RESET, method="chat.postMessage", work_done=True, times=1)
    slack.faults.add(lost)
    with pytest.raises(TryLater):
        await channel.send(PAGE, "U2", "page/ben", post)
    await channel.send(PAGE, "U2", "page/ben", post)
    slack.faults.add(lost)
    with pytest.raises(TryLater) as later:
        await channel.send(ACKED, "C1", KEY, post)
    assert later.value.post == post, "the edit stands, the thread does not know it yet"
    receipt = await channel.send(ACKED, "C1", KEY, post)
    assert receipt.post == replace(post, told=15)
    assert len(slack.thread("C1", post.message_id)) == 2


async def test_twenty_incidents_at_once_each_get_their_message(
    slack: SlackServer, channel: Slack
) -> None:
    keys = [f"incident/{number}/room/slack/C1" for number in range(20)]
    sent = [channel.send(replace(OPEN, incident=n), "C1", key, None) for n, key in enumerate(keys)]
    receipts = await asyncio.gather(*sent)
    assert {receipt.provider_id for receipt in receipts} == {m.ts for m in slack.messages("C1")}
    assert len(receipts) == 20


async def test_slack_proves_no_arrival(channel: Slack) -> None:
    assert (CHANNEL.is_chat, CHANNEL.proves, CHANNEL.seconds_between) == (True, False, 1.0)
    with pytest.raises(TryLater):
        await channel.outcome("1")


def test_options_show_no_token() -> None:
    shown = repr(SlackOptions(bot_token=Secret("xoxb-1"), app_token=Secret("xapp-1")))
    assert "xoxb" not in shown
    assert "xapp" not in shown
