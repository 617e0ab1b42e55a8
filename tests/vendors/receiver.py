"""A program that takes webhooks on loopback: it checks the signature and keeps what came."""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from storage.clock import Clock
from tests.vendors.calls import Call, Ledger
from tests.vendors.faults import Failure, Fault
from tests.vendors.loopback import Loopback, Pulse

MOST_AGE = 300.0  # seconds


@dataclass(slots=True)
class Receiver:
    """A receiver as its makers are told to write one.

    got:     every payload taken, oldest first.   repeats: those whose delivery came before.
    clock:   its own; a signature of another time is refused.
    elsewhere: where it redirects to, instead of taking anything.
    """

    key: str
    clock: Clock
    elsewhere: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    repeats: int = 0
    ledger: Ledger = field(init=False)
    _seen: set[str] = field(default_factory=set)
    _door: Loopback = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(Pulse())
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._door = Loopback(app)

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return self._door.port

    async def __aenter__(self) -> Self:
        await self._door.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ledger.closing.set()
        await self._door.close()

    async def down(self) -> None:
        """Refuse connections."""
        await self._door.down()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()

        async def done() -> web.Response:
            if self.elsewhere:
                return web.Response(status=307, headers={"Location": self.elsewhere})
            if not self._is_ours(request.headers.get("X-Tocsin-Signature", ""), body):
                return web.Response(status=401)
            delivery = request.headers["X-Tocsin-Delivery"]
            if delivery in self._seen:
                self.repeats += 1
            else:
                self._seen.add(delivery)
                self.got.append(json.loads(body))
            return web.Response(status=200)

        call = Call(method=request.method, args=dict(request.headers))
        return await self.ledger.answer(request, call, done, _refused)

    def _is_ours(self, signature: str, body: bytes) -> bool:
        parts = dict(part.partition("=")[::2] for part in signature.split(","))
        at = parts.get("t", "")
        if not at.isdecimal() or abs(self.clock.utc_now().timestamp() - float(at)) > MOST_AGE:
            return False
        wanted = hmac.new(self.key.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted, parts.get("v1", ""))


def _refused(fault: Fault) -> web.Response:
    if fault.failure is Failure.RATE_LIMIT:
        return web.Response(status=429, headers={"Retry-After": f"{fault.seconds:.0f}"})
    return web.Response(status=int(fault.error) if fault.error.isdecimal() else 500)
