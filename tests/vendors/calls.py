"""What a vendor writes down of every call, and the way of a call through faults to its answer."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.vendors.faults import Failure, Faults, Refuse, Work, spoil
from tests.vendors.loopback import Pulse


@dataclass(slots=True, kw_only=True)
class Call:
    """One request, written down when it arrives and completed when it is answered.

    at, answered_at: monotonic seconds.
    channel:         a Slack channel, or the number in To; "" where there is none.
    status:          the HTTP status; -1 until answered, 0 when nothing was said.
    error:           the vendor's word or code when it refused, else "".
    done:            whether its work was done, whatever the caller saw.
    retry_after:     the seconds that a 429 told the caller to wait.
    """

    method: str
    args: dict[str, Any]
    channel: str = ""
    at: float = field(default_factory=time.monotonic)
    answered_at: float = 0.0
    status: int = -1
    error: str = ""
    done: bool = False
    retry_after: int = 0


@dataclass(slots=True)
class Ledger:
    """Every call in the order of arrival, and what may spoil them.

    latency: seconds that every call takes at least.
    down:    the status that every call gets instead of an answer; None: all is well.
    """

    pulse: Pulse
    faults: Faults = field(default_factory=Faults)
    calls: list[Call] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    latency: float = 0.0
    down: int | None = None

    async def answer(
        self, request: web.Request, call: Call, work: Work, refuse: Refuse
    ) -> web.Response:
        """Answer a call by `work`, unless the server is down or a fault steps in."""
        self.calls.append(call)
        self.pulse.beat()
        if self.latency:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), self.latency)
        fault = None if self.down is not None else self.faults.take(call.method, call.channel)
        if self.down is not None:
            answer = web.Response(status=self.down, text="upstream connect error")
        elif fault is None:
            answer = await work()
        else:
            answer = await spoil(fault, request, work, refuse, self.closing)
        silent = fault is not None and fault.failure in {Failure.RESET, Failure.HANG}
        call.status, call.answered_at = 0 if silent else answer.status, time.monotonic()
        call.retry_after = int(answer.headers.get("Retry-After", 0))
        self.pulse.beat()
        return answer

    def of(self, method: str = "") -> list[Call]:
        """Return the calls of one method or of all."""
        return [call for call in self.calls if method in {"", call.method}]

    def impatient(self) -> list[Call]:
        """Return the calls that came before the Retry-After of a 429 had passed.

        A 429 counts for its own method and channel. Calls on their way when the 429 was said
        are forgiven.
        """
        until: dict[tuple[str, str], list[Call]] = {}
        for call in self.calls:
            if call.retry_after:
                until.setdefault((call.method, call.channel), []).append(call)
        return [
            call
            for call in self.calls
            for told in until.get((call.method, call.channel), [])
            if told.answered_at < call.at < told.answered_at + told.retry_after
        ]
