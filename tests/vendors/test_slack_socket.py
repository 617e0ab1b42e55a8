"""Socket Mode on loopback, with Bolt's own client at the other end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from tests.vendors.faults import Failure, Fault
from tests.vendors.loopback import Loopback
from tests.vendors.slack import SlackServer
from tests.vendors.slack_wire import signed

BUTTON = {"type": "button", "action_id": "ack", "value": "12"} | {
    "text": {"type": "plain_text", "text": "Ack"}
}
BLOCKS = [{"type": "actions", "elements": [BUTTON]}]


@asynccontextmanager
async def bolt(slack: SlackServer, wire: Callable[[AsyncApp], None]) -> AsyncIterator[AsyncApp]:
    """Run a Bolt app over Socket Mode; `wire` hangs its listeners in."""
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    app = AsyncApp(client=client)
    wire(app)
    mode = AsyncSocketModeHandler(app, slack.app_token, web_client=client, ping_interval=0.5)
    await mode.connect_async()  # type: ignore[no-untyped-call]
    try:
        yield app
    finally:
        await mode.close_async()  # type: ignore[no-untyped-call]
        # Bolt cancels its tasks at close and does not wait for them; let them end.
        await asyncio.sleep(0)


def listeners(app: AsyncApp) -> None:
    """Answer a command, a press, a form and an event, each in its own way."""

    @app.command("/tocsin")
    async def typed(ack: Any, command: Any, respond: Any) -> None:
        await ack(f"heard {command['text']}")
        await respond("and done")

    @app.action("ack")
    async def pressed(ack: Any, body: Any, client: Any) -> None:
        await ack()
        message, channel = body["message"], body["channel"]["id"]
        await client.chat_update(channel=channel, ts=message["ts"], text="taken", blocks=[])
        await client.chat_postEphemeral(channel=channel, user=body["user"]["id"], text="yours")

    @app.view("note")
    async def submitted(ack: Any) -> None:
        await ack(response_action="clear")

    @app.event("app_home_opened")
    async def opened(event: Any, client: Any) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": []})


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        yield server


async def test_a_command_is_acknowledged_and_answered(slack: SlackServer) -> None:
    async with bolt(slack, listeners):
        await slack.connected()
        typed = await slack.command("/tocsin", "ack 12", user="U2")
        assert not (await typed.ack()).late
        answers = [await typed.reply(), await typed.reply()]
    seen = {(answer.via, answer.text) for answer in answers}
    assert seen == {("ack", "heard ack 12"), ("response_url", "and done")}
    assert {message.visible_to for message in slack.space.ephemerals} == {"U2"}


async def test_a_press_changes_the_message(slack: SlackServer) -> None:
    async with bolt(slack, listeners) as app:
        await slack.connected()
        ts = (await app.client.chat_postMessage(channel="C1", text="disk", blocks=BLOCKS))["ts"]
        press = await slack.press("C1", ts, "ack", user="U1")
        assert (await press.ack()).payload == {}
        assert (await press.reply()).text == "yours"
        assert slack.messages("C1")[0].text == "taken"
        with pytest.raises(LookupError, match=r"has \[\], not 'ack'"):
            await slack.press("C1", ts, "ack")


async def test_a_choice_of_a_menu_is_sent(slack: SlackServer) -> None:
    label = {"type": "plain_text", "text": "30 minutes"}
    options = [{"text": label, "value": "30m"}]
    menu = {
        "type": "static_select",
        "action_id": "snooze",
        "placeholder": label,
        "options": options,
    }
    ts = slack.space.post("C1", "UBOT", "disk", [{"type": "actions", "elements": [menu]}]).ts
    press = await slack.press("C1", ts, "snooze", choice="30m")
    assert press.payload["actions"][0]["selected_option"]["value"] == "30m"
    with pytest.raises(LookupError, match=r"offers \['30m'\], not '2h'"):
        await slack.press("C1", ts, "snooze", choice="2h")


async def test_a_form_and_an_event_reach_the_app(slack: SlackServer) -> None:
    async with bolt(slack, listeners) as app:
        await slack.connected()
        typed = await slack.command("/none")
        title = {"type": "plain_text", "text": "Note"}
        modal = {"type": "modal", "callback_id": "note", "title": title, "blocks": []}
        view = await app.client.views_open(trigger_id=typed.payload["trigger_id"], view=modal)
        sent = await slack.submit(view["view"]["id"], {"b": {"a": {"value": "looking"}}})
        assert (await sent.ack()).payload == {"response_action": "clear"}
        await slack.event({"type": "app_home_opened", "user": "U1"})
        await slack.until(lambda: "U1" in slack.space.homes)


async def test_the_same_envelope_can_come_twice(slack: SlackServer) -> None:
    async with bolt(slack, listeners):
        await slack.connected()
        typed = await slack.command("/tocsin", "ack 12")
        await typed.ack()
        await slack.redeliver(typed)
        await slack.until(lambda: len(typed.acks) == 2)
        assert typed.deliveries == 2


async def test_a_command_while_no_socket_is_open_fails_visibly(slack: SlackServer) -> None:
    typed = await slack.command("/tocsin", "ack 12")
    assert typed.failed == "dispatch_failed: no socket is open"
    with pytest.raises(TimeoutError, match="dispatch_failed"):
        await typed.ack(within=0.01)


@pytest.mark.parametrize("trouble", ["cut", "refresh", "half_open"])
async def test_the_app_comes_back_after_trouble_on_the_wire(
    slack: SlackServer, trouble: str
) -> None:
    async with bolt(slack, listeners):
        await slack.connected()
        if trouble == "cut":
            slack.cut()
        elif trouble == "refresh":
            await slack.disconnect("refresh_requested")
        else:
            slack.half_open()
            lost = await slack.command("/tocsin", "into the void")
        await slack.until(lambda: slack.sockets.opened >= 2, within=30, what="a second socket")
        await slack.connected(within=10)
        await slack.until(lambda: len(slack.sockets.wires) == 1, within=20, what="one socket")
        typed = await slack.command("/tocsin", "ack 12")
        await typed.ack()
        if trouble == "half_open":
            assert lost.acks == []


async def test_a_ticket_opens_one_socket_only(slack: SlackServer) -> None:
    client = AsyncWebClient(token=slack.app_token, base_url=slack.api_url)
    url = (await client.apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as wire:
            assert (await wire.receive_json())["type"] == "hello"
            await wire.send_json({"envelope_id": "E-unknown"})
            await slack.until(lambda: slack.sockets.stray_acks)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


async def test_several_sockets_take_turns(slack: SlackServer) -> None:
    async with bolt(slack, listeners), bolt(slack, listeners):
        await slack.connected(2)
        for _ in range(4):
            typed = await slack.command("/tocsin", "help")
            await typed.ack()
        assert slack.sockets.opened == 2


async def test_a_response_url_is_good_for_five_uses(slack: SlackServer) -> None:
    ts = slack.space.post("C1", "UBOT", "disk", BLOCKS).ts
    press = await slack.press("C1", ts, "ack")
    async with aiohttp.ClientSession() as session:
        codes = []
        for _ in range(6):
            answer = {"text": "taken", "replace_original": True}
            async with session.post(press.payload["response_url"], json=answer) as response:
                codes.append(response.status)
    assert codes == [200] * 5 + [404]
    assert slack.messages("C1")[0].text == "taken"


async def test_an_app_in_http_mode_gets_signed_requests(slack: SlackServer) -> None:
    verifier = SignatureVerifier(slack.signing_secret)

    async def hook(request: web.Request) -> web.Response:
        body = await request.read()
        if not verifier.is_valid_request(body, dict(request.headers)):
            return web.Response(status=401)
        return web.json_response({"text": "heard", "response_type": "in_channel"})

    app = web.Application()
    app.router.add_post("/slack/events", hook)
    door = Loopback(app)
    await door.open()
    try:
        slack.http.url = f"{door.url}/slack/events"
        typed = await slack.command("/tocsin", "alerts")
        assert (await typed.reply()).text == "heard"
        assert [message.text for message in slack.messages("C1")] == ["heard"]
        assert await slack.replay(typed) == 200
        old = signed(slack.signing_secret, b"", at=0)
        assert await slack.http.send(typed, **old) == 401
        assert typed.statuses == [200, 200, 401]
    finally:
        await door.close()


async def test_it_stops_at_once_though_calls_hang_and_sockets_are_open() -> None:
    async with aiohttp.ClientSession() as session:
        async with SlackServer() as slack:
            slack.faults.add(Fault(failure=Failure.HANG, seconds=600, method="auth.test"))
            link = AsyncWebClient(token=slack.app_token, base_url=slack.api_url)
            url = (await link.apps_connections_open(app_token=slack.app_token))["url"]
            wire = await session.ws_connect(url)
            slack.half_open()
            client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, session=session)
            hanging = asyncio.create_task(client.auth_test())
            await slack.until(lambda: slack.calls("auth.test"))
            assert slack.calls("auth.test")[0].status == -1
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(hanging, 5)
        await wire.close()


def test_requests_over_http_carry_slacks_signature() -> None:
    verifier = SignatureVerifier("secret")
    headers = signed("secret", b"command=%2Ftocsin")
    assert verifier.is_valid_request(b"command=%2Ftocsin", headers)
    assert not verifier.is_valid_request(b"command=%2Fother", headers)
