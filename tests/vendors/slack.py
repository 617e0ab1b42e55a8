"""Slack on loopback: Web API, Socket Mode, response URLs, uploads, with Slack's own limits.

    async with SlackServer() as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        ...
        press = await slack.press("C1", ts, "ack", user="U1")
        assert not (await press.ack()).late

As a process of its own, for tests that kill the client: `python -m tests.vendors.slack`.
"""

import time
from collections.abc import Callable
from typing import Self

from aiohttp import web

from tests.vendors.calls import Call, Ledger
from tests.vendors.loopback import Loopback, Pulse
from tests.vendors.slack_api import METHODS, Api
from tests.vendors.slack_content import check_content, decoded
from tests.vendors.slack_http import RequestUrl
from tests.vendors.slack_interaction import (
    TRIGGER_LIFE,
    Interaction,
    command_payload,
    press_payload,
    spend_url,
    submit_payload,
)
from tests.vendors.slack_limits import Limits, Meter
from tests.vendors.slack_socket import Sockets
from tests.vendors.slack_wire import (
    accepted,
    arguments,
    object_of,
    refused,
    spoilt,
    upload_of,
)
from tests.vendors.slack_workspace import (
    APP,
    BOT_USER,
    SCOPES,
    TEAM,
    Channel,
    Json,
    Message,
    SlackError,
    User,
    Workspace,
)


class SlackServer:
    """Slack's side of the wire.

    ledger:  every call; `ledger.latency`, `ledger.impatient()`.
    faults:  what goes wrong; see faults.py.
    http:    set `http.url` to an app's Request URL, and what people do is sent there.
    scopes:  what the bot token may do; take one away to see missing_scope.
    tokens:  the tokens that are good; take one out to see invalid_auth.
    """

    def __init__(self, *, limits: Limits | None = None, port: int = 0) -> None:
        self.bot_token, self.app_token = "xoxb-loopback", "xapp-loopback"
        self.signing_secret = "loopback-signing-secret"
        self.tokens = {self.bot_token, self.app_token}
        self.scopes = set(SCOPES)
        self.limits = limits or Limits()
        self.space, self._pulse = Workspace(), Pulse()
        self.ledger = Ledger(self._pulse)
        self.faults = self.ledger.faults
        self.sockets = Sockets(self._pulse, self._acknowledged)
        self.http = RequestUrl(self.signing_secret, self._acknowledged)
        self._meter = Meter(self.limits)
        self._triggers: dict[str, float | None] = {}
        self._door = Loopback(self._routes(), port)
        self.url, self.api_url = self._door.url, f"{self._door.url}/api/"
        self._api = Api(
            space=self.space,
            limits=self.limits,
            url=self.url,
            open_link=self._open_link,
            spend_trigger=self._spend_trigger,
            told=self._told,
        )

    async def __aenter__(self) -> Self:
        await self._door.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ledger.closing.set()
        await self.http.close()
        await self._door.close()

    # what a test looks at

    def messages(self, channel: str = "") -> list[Message]:
        """Top messages that stand, oldest first; of one channel or of all."""
        return [m for m in self.space.standing(channel) if not m.is_reply]

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The replies under a message, oldest first."""
        return self.space.replies(channel, ts)

    def calls(self, method: str = "") -> list[Call]:
        """Calls in the order of arrival; "upload" and "response_url" are methods too."""
        return self.ledger.of(method)

    async def until(
        self, true: Callable[[], object], within: float = 5.0, what: str = "it"
    ) -> None:
        """Return as soon as `true()` holds; looked at after every call, receipt and answer."""
        await self._pulse.until(true, within, what)

    async def connected(self, wires: int = 1, within: float = 5.0) -> None:
        """Wait until the app holds `wires` live sockets; over HTTP it holds none."""
        if self.http.url:
            return
        live = lambda: sum(not w.dead for w in self.sockets.wires) >= wires  # noqa: E731
        await self.until(live, within, f"{wires} sockets open")

    # what a person does

    async def command(
        self, command: str, text: str = "", *, user: str = "U1", channel: str = "C1"
    ) -> Interaction:
        """Type a slash command."""
        made = self._interaction("slash_commands", user, channel)
        made.payload = command_payload(
            command, text, self._user(user), self._place(channel), **self._links(made)
        )
        return await self._sent(made)

    async def press(
        self, channel: str, ts: str, action_id: str, *, user: str = "U1", choice: str = ""
    ) -> Interaction:
        """Press a button of a message, or take the `choice` (an option's value) of a menu.

        LookupError when the message has no such button or choice.
        """
        message = self.space.find(channel, ts)
        made = self._interaction("interactive", user, channel)
        made.message = message
        place = self._place(channel)
        action = press_payload(message, action_id, self._user(user), place, choice)
        made.payload = action | self._links(made)
        return await self._sent(made)

    async def submit(self, view_id: str, values: Json, *, user: str = "U1") -> Interaction:
        """Send a form that views.open opened. values: {block_id: {action_id: {...}}}."""
        made = self._interaction("interactive", user, "")
        form = submit_payload(self.space.views[view_id], values, self._user(user))
        made.payload = form | {"trigger_id": self._links(made)["trigger_id"]}
        return await self._sent(made)

    async def event(self, event: Json) -> Interaction:
        """Let an Events API event happen, e.g. {"type": "app_home_opened", "user": "U1"}."""
        made = self._interaction("events_api", event.get("user", ""), event.get("channel", ""))
        made.payload = {
            "type": "event_callback",
            "team_id": TEAM,
            "api_app_id": APP,
            "event_id": self.space.new_id("Ev"),
            "event_time": int(time.time()),
            "event": {"event_ts": self.space.new_ts(), **event},
        }
        return await self._sent(made)

    def say(self, channel: str, user: str, text: str, *, thread_ts: str = "") -> Message:
        """Let a person write a message."""
        return self.space.post(channel, user, text, [], thread_ts=thread_ts)

    async def redeliver(self, interaction: Interaction, retry: int = 1) -> None:
        """Deliver it again: the same envelope, or over HTTP the same body, signed anew."""
        if self.http.url:
            await self.http.deliver(interaction, retry)
        else:
            await self.sockets.deliver(interaction, retry)

    async def replay(self, interaction: Interaction) -> int:
        """Send the very request again that brought it over HTTP; return the HTTP status."""
        return await self.http.send(interaction, **interaction.headers)

    # what goes wrong

    async def down(self, status: int | None = None) -> None:
        """Be gone: connections are refused; with `status` every request gets that instead."""
        self.ledger.down = status
        if status is None:
            await self._door.down()
        else:
            self.sockets.cut()

    async def up(self) -> None:
        """Be back, on the same port."""
        self.ledger.down = None
        await self._door.up()

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Send `disconnect` over every socket; except for "warning" close them."""
        await self.sockets.disconnect(reason, close=reason != "warning")

    def cut(self) -> None:
        """Reset every socket without a word."""
        self.sockets.cut()

    def half_open(self) -> None:
        """Stop answering on every present socket, without closing it."""
        self.sockets.half_open()

    # the Web API

    def _routes(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/api/{method}", self._web_api)
        app.router.add_get("/link/{ticket}", self._link)
        app.router.add_post("/response/{envelope}", self._response_url)
        app.router.add_post("/upload/v1/{file}", self._upload)
        return app

    async def _web_api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        try:
            args, token = await arguments(request, method)
        except SlackError as refusal:
            return refused(refusal)
        channel = str(args.get("channel") or args.get("channel_id") or "")
        call = Call(method=method, args=args, channel=channel)

        async def work() -> web.Response:
            try:
                self._admit(method, token, channel)
                answer = self._api.call(method, decoded(args))
            except SlackError as refusal:
                call.error = refusal.error
                return refused(refusal)
            call.done = True
            return accepted(answer, self.scopes)

        return await self.ledger.answer(request, call, work, spoilt)

    def _admit(self, method: str, token: str, channel: str) -> None:
        if method not in METHODS:
            raise SlackError("unknown_method", req_method=method)
        if not token:
            raise SlackError("not_authed")
        if token not in self.tokens:
            raise SlackError("invalid_auth")
        wanted = METHODS[method]
        if wanted.app_token != (token == self.app_token):
            raise SlackError("not_allowed_token_type")
        if wanted.scopes and not self.scopes & set(wanted.scopes):
            provided = ",".join(sorted(self.scopes))
            raise SlackError("missing_scope", needed=wanted.scopes[0], provided=provided)
        if (needed := self._history_scope(method, channel)) and needed not in self.scopes:
            provided = ",".join(sorted(self.scopes))
            raise SlackError("missing_scope", needed=needed, provided=provided)
        if wait := self._meter.wait(method, channel):
            raise SlackError("ratelimited", retry_after=wait)

    def _history_scope(self, method: str, channel: str) -> str:
        """Name the scope that reading this very kind of conversation takes."""
        there = self.space.channels.get(channel)
        if method not in {"conversations.history", "conversations.replies"} or there is None:
            return ""
        kind = "im" if there.dm_with else "groups" if there.is_private else "channels"
        return f"{kind}:history"

    # the other doors

    async def _link(self, request: web.Request) -> web.StreamResponse:
        if self.ledger.down is not None:
            return web.Response(status=self.ledger.down)
        return await self.sockets.serve(request)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        id = request.match_info["file"]
        body = await upload_of(request)
        call = Call(method="upload", args={"file": id, "length": len(body)})

        async def work() -> web.Response:
            file = self.space.files.get(id)
            if file is None or len(body) != file["size"]:
                call.error = "file_not_found" if file is None else "length_mismatch"
                return web.Response(status=404 if file is None else 400, text=call.error)
            file["content"], call.done = body, True
            return web.Response(text=f"OK - {len(body)}")

        return await self.ledger.answer(request, call, work, spoilt)

    async def _response_url(self, request: web.Request) -> web.StreamResponse:
        interaction = self.sockets.interactions.get(request.match_info["envelope"])
        payload = object_of(await request.text())
        channel = interaction.channel if interaction else ""
        call = Call(method="response_url", args=payload, channel=channel)

        async def work() -> web.Response:
            try:
                self._show(spend_url(interaction), "response_url", payload)
            except SlackError as refusal:
                call.error = refusal.error
                status = 404 if refusal.error.endswith("_url") else 400
                return web.json_response({"ok": False, "error": call.error}, status=status)
            call.done = True
            return web.Response(text="ok")

        return await self.ledger.answer(request, call, work, spoilt)

    def _show(self, interaction: Interaction, via: str, payload: Json) -> None:
        """Do what an answer asks: replace or delete the message, or say something."""
        origin = interaction.message
        if payload.get("delete_original") and origin is not None:
            origin.deleted_at = time.monotonic()
        else:
            text, blocks = payload.get("text") or "", payload.get("blocks") or []
            check_content(text, blocks, payload.get("attachments"))
            if payload.get("replace_original") and origin is not None:
                self.space.edit(origin, text, blocks)
            elif interaction.channel:
                openly = payload.get("response_type") == "in_channel"
                reader = "" if openly else interaction.user
                self.space.post(interaction.channel, BOT_USER, text, blocks, visible_to=reader)
        interaction.show(via, payload)

    # what the parts ask of the whole

    def _acknowledged(self, interaction: Interaction, payload: Json) -> None:
        """Note a receipt; what a command's receipt says is shown to the person."""
        interaction.acknowledge(payload)
        if interaction.kind == "slash_commands" and payload:
            try:
                self._show(interaction, "ack", payload)
            except SlackError as refusal:
                interaction.failed = refusal.error

    def _interaction(self, kind: str, user: str, channel: str) -> Interaction:
        id = self.space.new_id("E")
        return Interaction(
            kind=kind, envelope_id=id, payload={}, pulse=self._pulse, user=user, channel=channel
        )

    async def _sent(self, interaction: Interaction) -> Interaction:
        interaction.sent_at = time.monotonic()
        self.sockets.interactions[interaction.envelope_id] = interaction
        await (self.http if self.http.url else self.sockets).deliver(interaction)
        return interaction

    def _links(self, interaction: Interaction) -> dict[str, str]:
        trigger = self.space.new_id("tr")
        self._triggers[trigger] = time.monotonic()
        url = f"{self.url}/response/{interaction.envelope_id}"
        return {"response_url": url, "trigger_id": trigger}

    def _spend_trigger(self, trigger: str) -> None:
        if trigger not in self._triggers:
            raise SlackError("invalid_trigger_id")
        born = self._triggers[trigger]
        if born is None:
            raise SlackError("exchanged_trigger_id")
        if time.monotonic() - born > TRIGGER_LIFE:
            raise SlackError("expired_trigger_id")
        self._triggers[trigger] = None

    def _open_link(self) -> str:
        return f"{self.url.replace('http', 'ws')}/link/{self.sockets.ticket()}"

    def _told(self, message: Message) -> None:
        """Count an ephemeral message as an answer to what its reader did last in that channel."""
        for interaction in reversed(self.sockets.interactions.values()):
            if (interaction.user, interaction.channel) == (message.visible_to, message.channel):
                interaction.show("ephemeral", {"text": message.text, "blocks": message.blocks})
                return

    def _user(self, id: str) -> User:
        return self.space.users[id]

    def _place(self, channel: str) -> Channel:
        return self.space.channels[channel]


def serve() -> None:
    """Be a process of its own; process.py."""
    from tests.vendors.process import main
    from tests.vendors.slack_desk import SlackDesk

    main(lambda port: SlackServer(port=port), SlackDesk)


if __name__ == "__main__":
    serve()
