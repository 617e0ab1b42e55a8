"""Chats and push services on loopback, as apprise calls them: Mattermost, ntfy, plain JSON."""

import json
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.vendors.calls import Call, Ledger
from tests.vendors.faults import Fault
from tests.vendors.loopback import Loopback, Pulse

TOKEN = "verysecrettokenabcdefghijk"


@dataclass(slots=True)
class Chats:
    """got: (path, JSON) of everything that was taken, oldest first."""

    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    ledger: Ledger = field(init=False)
    _door: Loopback = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(Pulse())
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._door = Loopback(app)

    async def __aenter__(self) -> Self:
        await self._door.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ledger.closing.set()
        await self._door.close()

    def url(self, service: str) -> str:
        """Return the address of a service, as apprise writes it."""
        place = f"127.0.0.1:{self._door.port}"
        return {
            "json": f"json://{place}/{TOKEN}",
            "mattermost": f"mmost://{place}/{TOKEN}",
            "ntfy": f"ntfy://{place}/alarms?auth=token&token=tk_{TOKEN}",
        }[service]

    async def down(self) -> None:
        """Refuse connections."""
        await self._door.down()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())

        async def done() -> web.Response:
            self.got.append((request.path, body))
            return web.json_response({"ok": True})

        call = Call(method=request.method, args=body)
        return await self.ledger.answer(request, call, done, _refused)


def _refused(fault: Fault) -> web.Response:
    return web.Response(status=int(fault.error) if fault.error.isdecimal() else 429)
