"""Slack's Web API on loopback, through the real client."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.vendors.faults import Failure, Fault
from tests.vendors.slack import SlackServer
from tests.vendors.slack_limits import Limits, Rate
from tests.vendors.slack_workspace import Channel


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        yield server


def client_of(slack: SlackServer, token: str = "") -> AsyncWebClient:
    # By default the client repeats a call after a connection error, work done or not.
    return AsyncWebClient(token=token or slack.bot_token, base_url=slack.api_url, retry_handlers=[])


async def refusal(call: Any) -> Any:
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(text: str = "Ack", **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": text}, **more}


async def test_a_message_is_posted_edited_answered_and_found_again(slack: SlackServer) -> None:
    client = client_of(slack)
    metadata = {"event_type": "incident", "event_payload": {"key": "incident/1"}}
    posted = await client.chat_postMessage(channel="#incidents", text="disk", metadata=metadata)
    ts = posted["ts"]
    await client.chat_postMessage(channel="C1", text="still full", thread_ts=ts)
    await client.chat_update(channel="C1", ts=ts, text="disk: mended")

    (top,) = slack.messages("C1")
    assert [edition.text for edition in top.editions] == ["disk", "disk: mended"]
    assert [reply.text for reply in slack.thread("C1", ts)] == ["still full"]

    page = await client.conversations_history(channel="C1", include_all_metadata=True)
    (shown,) = page["messages"]
    assert (shown["text"], shown["metadata"], shown["reply_count"]) == ("disk: mended", metadata, 1)
    replies = await client.conversations_replies(channel="C1", ts=ts)
    assert [message["text"] for message in replies["messages"]] == ["disk: mended", "still full"]
    assert [call.method for call in slack.calls()][:3] == [
        "chat.postMessage",
        "chat.postMessage",
        "chat.update",
    ]


async def test_history_comes_in_pages_newest_first(slack: SlackServer) -> None:
    written = [slack.say("C1", "U1", f"{n}").ts for n in range(5)]
    found = []
    async for page in await client_of(slack).conversations_history(channel="C1", limit=2):
        found += [message["ts"] for message in page["messages"]]
    assert found == written[::-1]
    since = await client_of(slack).conversations_history(channel="C1", oldest=written[2])
    assert [message["text"] for message in since["messages"]] == ["4", "3"]


async def test_a_file_is_uploaded_into_a_thread(slack: SlackServer) -> None:
    client = client_of(slack)
    ts = (await client.chat_postMessage(channel="C1", text="disk"))["ts"]
    await client.files_upload_v2(
        content=b"\x89PNG", filename="disk.png", channel="C1", thread_ts=ts, title="Disk"
    )
    (reply,) = slack.thread("C1", ts)
    (file,) = reply.files
    assert file["title"] == "Disk"
    assert slack.space.files[file["id"]]["content"] == b"\x89PNG"


async def test_people_and_channels_are_looked_up(slack: SlackServer) -> None:
    client = client_of(slack)
    assert (await client.users_info(user="U1"))["user"]["name"] == "ada"
    assert (await client.users_lookupByEmail(email="ben@example.com"))["user"]["id"] == "U2"
    assert len((await client.users_list())["members"]) == 3
    assert (await client.conversations_info(channel="C1"))["channel"]["name"] == "incidents"
    assert [c["id"] for c in (await client.conversations_list())["channels"]] == ["C1"]
    direct = (await client.conversations_open(users=["U1"]))["channel"]["id"]
    assert (await client.chat_postMessage(channel="U1", text="you"))["channel"] == direct
    link = await client.chat_getPermalink(channel=direct, message_ts=slack.messages(direct)[0].ts)
    assert link["permalink"].startswith("https://test.slack.com/archives/DU1/p")
    await client.reactions_add(channel=direct, timestamp=slack.messages(direct)[0].ts, name="eyes")
    assert slack.messages(direct)[0].reactions == [("eyes", "UBOT")]


@pytest.mark.parametrize(
    ("token", "error"),
    [("xoxb-wrong", "invalid_auth"), ("xapp-loopback", "not_allowed_token_type")],
)
async def test_a_wrong_token_is_refused(slack: SlackServer, token: str, error: str) -> None:
    assert (await refusal(client_of(slack, token).auth_test()))["error"] == error


async def test_a_missing_scope_is_named(slack: SlackServer) -> None:
    slack.scopes.discard("chat:write")
    answer = await refusal(client_of(slack).chat_postMessage(channel="C1", text="x"))
    assert (answer["error"], answer["needed"]) == ("missing_scope", "chat:write")


@pytest.mark.parametrize(
    ("method", "args", "error"),
    [
        ("chat.postMessage", {"channel": "C9", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "C2", "text": "x"}, "not_in_channel"),
        ("chat.postMessage", {"channel": "C3", "text": "x"}, "is_archived"),
        ("chat.postMessage", {"channel": "C1"}, "no_text"),
        ("chat.postMessage", {"channel": "C1", "text": "x" * 40_001}, "msg_too_long"),
        (
            "chat.postMessage",
            {"channel": "C1", "text": "x", "thread_ts": "1.2"},
            "thread_not_found",
        ),
        ("chat.postMessage", {"channel": "C1", "text": "x", "blocks": "1"}, None),
        ("chat.update", {"channel": "C1", "ts": "1.2", "text": "x"}, "message_not_found"),
        ("chat.postEphemeral", {"channel": "C1", "user": "U9", "text": "x"}, "user_not_in_channel"),
        ("conversations.replies", {"channel": "C1", "ts": "1.2"}, "thread_not_found"),
        ("users.info", {"user": "U9"}, "user_not_found"),
        ("chat.shout", {}, "unknown_method"),
    ],
)
async def test_refusals_use_slacks_words(
    slack: SlackServer, method: str, args: dict[str, Any], error: str | None
) -> None:
    slack.space.add_channel(Channel(id="C2", name="secret", is_member=False))
    slack.space.add_channel(Channel(id="C3", name="old", is_archived=True))
    answer = await refusal(client_of(slack).api_call(method, data=args))
    assert answer["error"] == (error or "invalid_blocks_format")
    assert slack.calls(method)[0].error == answer["error"]


async def test_anothers_message_cannot_be_updated(slack: SlackServer) -> None:
    ts = slack.say("C1", "U1", "hello").ts
    answer = await refusal(client_of(slack).chat_update(channel="C1", ts=ts, text="x"))
    assert answer["error"] == "cant_update_message"


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([{"type": "divider"}] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
        (
            [section("x" * 3001)],
            "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
        ),
        ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        (
            [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
            "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
            "must be one of: plain_text [json-pointer:/blocks/0/text/type]",
        ),
        (
            [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}],
            "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
        ),
        (
            [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}],
            "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
        ),
        (
            [{"type": "actions", "elements": [button()] * 26}],
            "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
        ),
        (
            [{"type": "actions", "elements": [button("x" * 76)]}],
            "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
        ),
        (
            [{"type": "actions", "elements": [button(value="x" * 2001)]}],
            "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
        ),
        (
            [{"type": "actions", "elements": [button(action_id="x" * 256)]}],
            "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
        ),
        (
            [{"type": "divider", "block_id": "b"}] * 2,
            "block_id already exists [json-pointer:/blocks/1/block_id]",
        ),
        ([{"type": "marquee"}], "unsupported type: marquee [json-pointer:/blocks/0/type]"),
    ],
)
async def test_blocks_beyond_a_limit_are_named(
    slack: SlackServer, blocks: list[Any], message: str
) -> None:
    answer = await refusal(client_of(slack).chat_postMessage(channel="C1", text="x", blocks=blocks))
    assert answer["error"] == "invalid_blocks"
    assert answer["errors"] == [message]
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {message}"]
    assert slack.messages() == []


async def test_blocks_at_the_limits_are_taken(slack: SlackServer) -> None:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 150}},
        section("x" * 3000),
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 20}] * 10},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 10},
        {"type": "actions", "elements": [button("x" * 75, value="x" * 2000)] * 25},
    ]
    await client_of(slack).chat_postMessage(channel="C1", text="x", blocks=blocks)
    assert len(slack.messages("C1")[0].actions) == 25


async def test_blocks_too_long_together_are_refused(slack: SlackServer) -> None:
    blocks = [section("x" * 3000)] * 5
    answer = await refusal(client_of(slack).chat_postMessage(channel="C1", text="x", blocks=blocks))
    assert answer["error"] == "msg_blocks_too_long"


async def test_one_message_a_second_a_channel_after_a_burst() -> None:
    async with SlackServer(limits=Limits(posts=Rate(a_minute=60, burst=2))) as slack:
        client = client_of(slack)
        for _ in range(2):
            await client.chat_postMessage(channel="C1", text="x")
        answer = await refusal(client.chat_postMessage(channel="C1", text="x"))
        assert (answer.status_code, answer["error"]) == (429, "ratelimited")
        assert answer.headers["Retry-After"] == "1"
        await client.chat_postMessage(channel="U1", text="another channel")
        assert [call.status for call in slack.calls()] == [200, 200, 429, 200]


async def test_views_need_a_fresh_trigger_and_keep_their_shape(slack: SlackServer) -> None:
    client = client_of(slack)
    blocks = [section("Really?")]
    modal = {"type": "modal", "title": {"type": "plain_text", "text": "Note"}, "blocks": blocks}
    typed = await slack.command("/tocsin", "note")
    opened = await client.views_open(trigger_id=typed.payload["trigger_id"], view=modal)
    again = await refusal(client.views_open(trigger_id=typed.payload["trigger_id"], view=modal))
    assert again["error"] == "exchanged_trigger_id"
    await client.views_update(view_id=opened["view"]["id"], hash=opened["view"]["hash"], view=modal)
    stale = {"view_id": opened["view"]["id"], "hash": opened["view"]["hash"], "view": modal}
    assert (await refusal(client.views_update(**stale)))["error"] == "hash_conflict"
    await client.views_publish(user_id="U1", view={"type": "home", "blocks": blocks})
    assert slack.space.homes["U1"]["blocks"][0]["text"]["text"] == "Really?"


@pytest.mark.parametrize("failure", [Failure.STATUS, Failure.RESET, Failure.HTML, Failure.HANG])
@pytest.mark.parametrize("work_done", [True, False])
async def test_a_fault_spoils_the_answer_with_or_without_the_work(
    slack: SlackServer, failure: Failure, work_done: bool
) -> None:
    slack.faults.add(
        Fault(
            failure=failure, method="chat.postMessage", seconds=0.01, work_done=work_done, times=1
        )
    )
    client = client_of(slack)
    with pytest.raises(Exception):  # noqa: B017, PT011 the client has many names for it
        await client.chat_postMessage(channel="C1", text="x")
    assert len(slack.messages("C1")) == int(work_done)
    assert slack.calls()[0].done is work_done
    await client.chat_postMessage(channel="C1", text="x")
    assert len(slack.messages("C1")) == 1 + work_done


async def test_faults_that_speak_slack(slack: SlackServer) -> None:
    client = client_of(slack)
    slack.faults.add(Fault(failure=Failure.RATE_LIMIT, seconds=30, channel="C1"))
    answer = await refusal(client.chat_postMessage(channel="C1", text="x"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")
    await client.chat_postMessage(channel="U1", text="only C1 is hit")
    slack.faults.clear()
    slack.faults.add(Fault(failure=Failure.ERROR, error="account_inactive", every=2))
    await client.auth_test()
    assert (await refusal(client.auth_test()))["error"] == "account_inactive"
    slack.faults.clear()
    slack.faults.add(Fault(failure=Failure.TRUNCATED))
    with pytest.raises(SlackApiError, match="non-JSON"):
        await client.auth_test()


async def test_it_goes_down_and_comes_back_on_the_same_port(slack: SlackServer) -> None:
    client = client_of(slack)
    await client.auth_test()
    await slack.down()
    with pytest.raises(OSError, match="Cannot connect"):
        await client.auth_test()
    await slack.up()
    await client.auth_test()
    await slack.down(status=503)
    assert (await refusal(client.auth_test())).status_code == 503
    await slack.up()
    await client.auth_test()
