"""What can go wrong on the way to a vendor, as a short list of rules."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web

from tests.vendors.loopback import reset


class Failure(StrEnum):
    """How the caller sees it."""

    STATUS = "status"  # `status` with a short text body
    RESET = "reset"  # the connection is reset, no answer
    HANG = "hang"  # no answer; after `seconds` the connection is reset
    SLOW = "slow"  # the right answer, `seconds` late
    RATE_LIMIT = "rate_limit"  # 429 with Retry-After: `seconds`, in the vendor's words
    HTML = "html"  # 200 with a web page where JSON was due
    TRUNCATED = "truncated"  # 200 with half of the JSON
    ERROR = "error"  # the vendor's own refusal, named by `error`


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule; the first that fits a call decides what becomes of it.

    method:    the vendor's name of the call ("chat.postMessage", "Messages.create") or "*".
    channel:   a Slack channel id, the phone number in To, or "*".
    work_done: the ambiguous case: the work is done, and the caller sees the failure all the same.
               SLOW and TRUNCATED always do their work.
    times:     how many calls it hits; None: all of them.
    every:     it hits only every n-th fitting call, beginning with the n-th.
    error:     for ERROR: a Slack error ("is_archived") or a Twilio code ("30008").
    """

    failure: Failure
    method: str = "*"
    channel: str = "*"
    status: int = 503
    seconds: float = 1.0
    error: str = "internal_error"
    work_done: bool = False
    times: int | None = None
    every: int = 1


@dataclass(slots=True)
class _Rule:
    fault: Fault
    met: int = 0
    hit: int = 0

    def fits(self, method: str, channel: str) -> bool:
        fault = self.fault
        if fault.method not in {"*", method} or fault.channel not in {"*", channel}:
            return False
        if fault.times is not None and self.hit >= fault.times:
            return False
        self.met += 1
        return self.met % fault.every == 0


@dataclass(slots=True)
class Faults:
    """The rules in force; `hits` counts the calls that were spoilt."""

    hits: int = 0
    _rules: list[_Rule] = field(default_factory=list)

    def add(self, *faults: Fault) -> None:
        """Put rules behind those in force."""
        self._rules += [_Rule(fault) for fault in faults]

    def clear(self) -> None:
        """From now on everything goes well."""
        self._rules.clear()

    def take(self, method: str, channel: str) -> Fault | None:
        """Return the rule that hits this call, and count the hit."""
        for rule in self._rules:
            if rule.fits(method, channel):
                rule.hit += 1
                self.hits += 1
                return rule.fault
        return None


def fault_of(fields: dict[str, Any]) -> Fault:
    """Read a rule as the control API brings it."""
    return Fault(**{**fields, "failure": Failure(fields["failure"])})


Work = Callable[[], Awaitable[web.Response]]
Refuse = Callable[[Fault], web.Response]


async def spoil(
    fault: Fault, request: web.Request, work: Work, refuse: Refuse, closing: asyncio.Event
) -> web.Response:
    """Answer `request` as the fault says.

    refuse:  builds the vendor's own 429 or error answer.
    closing: ends a hang early when the server stops.
    """
    good = await work() if fault.work_done or fault.failure in _NEEDS_ANSWER else None
    match fault.failure:
        case Failure.STATUS:
            return web.Response(status=fault.status, text="upstream connect error")
        case Failure.HTML:
            page = "<!DOCTYPE html><html><body>Something went wrong.</body></html>"
            return web.Response(text=page, content_type="text/html")
        case Failure.TRUNCATED if good is not None and isinstance(good.body, bytes):
            half = good.body[: len(good.body) // 2]
            return web.Response(body=half, content_type="application/json")
        case Failure.SLOW if good is not None:
            await _pause(closing, fault.seconds)
            return good
        case Failure.RATE_LIMIT | Failure.ERROR:
            return refuse(fault)
        case Failure.HANG:
            await _pause(closing, fault.seconds)
    reset(request.transport)
    return web.Response(status=500)


_NEEDS_ANSWER = {Failure.SLOW, Failure.TRUNCATED}


async def _pause(closing: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(closing.wait(), seconds)
    except TimeoutError:
        return
