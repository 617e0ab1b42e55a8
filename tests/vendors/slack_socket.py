"""Socket Mode: the wires that an app holds open, and what goes wrong with them."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from tests.vendors.loopback import Pulse, reset
from tests.vendors.slack_interaction import Interaction
from tests.vendors.slack_workspace import APP, Json

TICKET_LIFE, MOST_WIRES = 30.0, 10


@dataclass(slots=True, eq=False)
class Wire:
    """One open websocket. `dead`: half-open, nothing passes in either direction any more."""

    socket: web.WebSocketResponse
    request: web.Request
    opened_at: float = field(default_factory=time.monotonic)
    dead: bool = False

    async def send(self, message: Json) -> None:
        """Send one message; into a dead wire it goes and is never seen again."""
        if not self.dead:
            try:
                await self.socket.send_str(json.dumps(message))
            except ConnectionError:
                self.dead = True


@dataclass(slots=True)
class Sockets:
    """Every wire of the app.

    took:         told of every receipt and its payload.
    interactions: all that was ever sent, by envelope id.
    stray_acks:   receipts that named an envelope nobody sent.
    """

    pulse: Pulse
    took: Callable[[Interaction, Json], None]
    wires: list[Wire] = field(default_factory=list)
    interactions: dict[str, Interaction] = field(default_factory=dict)
    stray_acks: list[Json] = field(default_factory=list)
    opened: int = 0
    _tickets: dict[str, float] = field(default_factory=dict)
    _turn: int = 0

    def ticket(self) -> str:
        """Return a new single-use ticket, as apps.connections.open hands out in its URL."""
        made = secrets.token_hex(8)
        self._tickets[made] = time.monotonic()
        return made

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Hold one wire until either side lets go."""
        issued = self._tickets.pop(request.match_info["ticket"], None)
        if issued is None or time.monotonic() - issued > TICKET_LIFE:
            raise web.HTTPForbidden(text="ticket used or expired")
        socket = web.WebSocketResponse(autoping=False, autoclose=False)
        await socket.prepare(request)
        wire = Wire(socket, request)
        if len(self.wires) >= MOST_WIRES:
            await wire.send(_goodbye("too_many_websockets"))
            await socket.close()
            return socket
        self.wires.append(wire)
        self.opened += 1
        await wire.send(self._hello())
        self.pulse.beat()
        try:
            await self._read(wire)
        finally:
            self.wires.remove(wire)
            self.pulse.beat()
        return socket

    async def deliver(self, interaction: Interaction, retry: int = 0) -> None:
        """Send an interaction over one wire, the wires taking turns.

        Slack believes in a half-open wire as long as it stands, so it has its turn too.
        """
        self.interactions[interaction.envelope_id] = interaction
        if not self.wires:
            interaction.failed = "dispatch_failed: no socket is open"
            return
        wire = self.wires[self._turn % len(self.wires)]
        self._turn += 1
        interaction.deliveries += 1
        await wire.send(interaction.envelope(retry))

    async def disconnect(self, reason: str, *, close: bool) -> None:
        """Announce the end of every wire that is open now; `close`: and end it."""
        for wire in list(self.wires):
            await wire.send(_goodbye(reason))
            if close and not wire.dead:
                await wire.socket.close()

    def cut(self) -> None:
        """Reset every wire."""
        for wire in list(self.wires):
            reset(wire.request.transport)

    def half_open(self) -> None:
        """Let every present wire go dead without closing it."""
        for wire in self.wires:
            wire.dead = True

    async def _read(self, wire: Wire) -> None:
        while True:
            message = await wire.socket.receive()
            if message.type in _ENDS:
                return
            if wire.dead:
                continue
            match message.type:
                case WSMsgType.PING:
                    await wire.socket.pong(message.data)
                case WSMsgType.TEXT:
                    self._receipt(message.data)
                case WSMsgType.CLOSE:
                    await wire.socket.close()
                    return

    def _receipt(self, text: str) -> None:
        receipt = json.loads(text)
        interaction = self.interactions.get(receipt.get("envelope_id", ""))
        if interaction is None:
            self.stray_acks.append(receipt)
        else:
            self.took(interaction, receipt.get("payload") or {})
        self.pulse.beat()

    def _hello(self) -> Json:
        debug = {"host": "applink-1", "approximate_connection_time": 18060}
        info = {"app_id": APP}
        count = len(self.wires)
        return {
            "type": "hello",
            "num_connections": count,
            "debug_info": debug,
            "connection_info": info,
        }


_ENDS = {WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR}


def _goodbye(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}}
