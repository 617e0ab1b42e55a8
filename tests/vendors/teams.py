"""A Workflow of Microsoft Teams on loopback: it takes anything with 202, and fails unseen.

async with TeamsServer() as teams:
    options = TeamsOptions(rooms={"ops": Secret(teams.address("ops"))})
    ...
    (card,) = teams.cards("ops")
    assert not teams.failed()
"""

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import jsonschema
from aiohttp import web

from tests.vendors.calls import Call, Ledger
from tests.vendors.faults import Failure, Fault
from tests.vendors.loopback import Loopback, Pulse
from tests.vendors.teams_schema import SCHEMA, Json

MOST_BYTES = 28 * 1024
MOST_A_SECOND = 4
CARD = "application/vnd.microsoft.card.adaptive"
_VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a Workflow. failure: why nobody saw the card; empty: it stands in the channel."""

    room: str
    body: Json
    size: int
    failure: str = ""

    @property
    def card(self) -> Json:
        """The Adaptive Card."""
        found: Json = self.body["attachments"][0]["content"]
        return found


@dataclass(slots=True)
class TeamsServer:
    """Microsoft's side of the wire.

    runs:     every posting that was taken, oldest first, also those that failed unseen.
    gone:     rooms whose Workflow was deleted (410).   off: those whose Workflow is switched off.
    throttled: refuse more than four a second to a room with 429.
    methods, as faults and calls name them: the room's name is the channel, "invoke" the method.
    """

    sig: str = "loopback-signature-0123456789"
    runs: list[Run] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    off: set[str] = field(default_factory=set)
    throttled: bool = False
    ledger: Ledger = field(init=False)
    _door: Loopback = field(init=False)
    _lately: dict[str, deque[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = Ledger(Pulse())
        app = web.Application(client_max_size=4 * 1024**2)
        path = "/workflows/{room}/triggers/manual/paths/invoke"
        app.router.add_post(path, self._invoke)
        app.router.add_post("/moved/{room}", self._moved)
        self._door = Loopback(app)

    async def __aenter__(self) -> Self:
        await self._door.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ledger.closing.set()
        await self._door.close()

    def address(self, room: str, sig: str | None = None) -> str:
        """Return the address that Teams shows for the Workflow of a channel."""
        place = f"{self._door.url}/workflows/{room}/triggers/manual/paths/invoke"
        return f"{place}?api-version=2016-06-01&sp=%2Ftriggers&sv=1.0&sig={sig or self.sig}"

    def moved(self, room: str) -> str:
        """Return an address that redirects to the Workflow."""
        return f"{self._door.url}/moved/{room}"

    def cards(self, room: str) -> list[Json]:
        """Return the cards that people see in a channel, oldest first."""
        return [run.card for run in self.runs if run.room == room and not run.failure]

    def failed(self) -> list[str]:
        """Return why runs failed that had been answered with 202."""
        return [run.failure for run in self.runs if run.failure]

    def calls(self) -> list[Call]:
        """Return every request in the order of arrival."""
        return self.ledger.of()

    async def down(self) -> None:
        """Refuse connections."""
        await self._door.down()

    async def until(self, true: Callable[[], object], within: float = 5.0) -> None:
        """Return as soon as `true()` holds."""
        await self.ledger.pulse.until(true, within, "it")

    async def _moved(self, request: web.Request) -> web.Response:
        return web.Response(
            status=302, headers={"Location": self.address(request.match_info["room"])}
        )

    async def _invoke(self, request: web.Request) -> web.StreamResponse:
        room, sent = request.match_info["room"], await request.read()
        call = Call(method="invoke", args={"bytes": len(sent)}, channel=room)

        async def done() -> web.Response:
            answer = self._answer(request, room, sent)
            call.done = answer.status == 202
            return answer

        return await self.ledger.answer(request, call, done, _spoilt)

    def _answer(self, request: web.Request, room: str, sent: bytes) -> web.Response:
        if "sig" not in request.query:
            return _error(401, "DirectApiAuthorizationRequired", str(request.url))
        if request.query["sig"] != self.sig:
            return _error(401, "InvalidSasToken", str(request.url))
        if room in self.gone:
            return web.Response(status=410, text="O365 connectors within Teams are deprecated.")
        if room in self.off:
            return _error(400, "WorkflowTriggerIsNotEnabled", str(request.url))
        if self.throttled and not self._has_room(room):
            return _spoilt(Fault(failure=Failure.RATE_LIMIT))
        try:
            body = json.loads(sent)
        except ValueError:
            return _error(400, "InvalidRequestContent", "not JSON")
        failure = _failure(body, len(sent))
        self.runs.append(Run(room=room, body=body, size=len(sent), failure=failure))
        return web.Response(status=202)

    def _has_room(self, room: str) -> bool:
        """Count this call; say whether it is one of four within a second."""
        lately, now = self._lately.setdefault(room, deque()), time.monotonic()
        while lately and lately[0] < now - 1.0:
            lately.popleft()
        if len(lately) >= MOST_A_SECOND:
            return False
        lately.append(now)
        return True


def _failure(body: Any, size: int) -> str:
    """Say why the step "Post card" of the Workflow fails; empty where people see the card."""
    if size > MOST_BYTES:
        return f"RequestEntityTooLarge: {size} bytes"
    if not isinstance(body, dict) or body.get("type") != "message":
        return "no message: the property 'type' must be 'message'"
    attachments = body.get("attachments")
    if not isinstance(attachments, list) or len(attachments) != 1:
        return "no message: expected one attachment"
    if attachments[0].get("contentType") != CARD:
        return "the content type of the attachment is no adaptive card's"
    found = next(iter(_VALIDATOR.iter_errors(attachments[0].get("content"))), None)
    return f"BadRequest: {found.message}" if found else ""


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


def _spoilt(fault: Fault) -> web.Response:
    """Refuse in Microsoft's words; ERROR is the quirk: 200, and a body that says otherwise."""
    if fault.failure is Failure.RATE_LIMIT:
        answer = _error(429, "TooManyRequests", "Rate limit is exceeded.")
        answer.headers["Retry-After"] = str(max(1, round(fault.seconds)))
        return answer
    said = (
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error"
    )
    return web.Response(text=f"{said} {fault.error} with ContextId tcid=0,server=DB3PEPF00000000.")
