"""A vendor as a process of its own: it survives the client that a test kills.

    async with spawned("slack") as slack:
        ... start a client at slack.url, kill it ...
        assert len(await slack.ask("messages")) == 1

By hand: `python -m tests.vendors.slack --port 8090` prints one JSON line with the addresses and
the credentials, and serves until SIGTERM. Every verb is `POST {control}/{verb}` with a JSON
object; verbs are the methods of `SlackDesk` and `TwilioDesk` in slack_desk.py and twilio_desk.py.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

import aiohttp
from aiohttp import web

from tests.vendors.faults import fault_of
from tests.vendors.loopback import Loopback
from tests.vendors.nursery import nursery

Verb = Callable[..., Awaitable[Any]]


class Desk:
    """The verbs that every vendor's control address has."""

    def __init__(self, vendor: Any) -> None:
        self._vendor = vendor

    async def calls(self, method: str = "", since: int = 0) -> Any:
        """List the API calls, of one method or of all, from the `since`-th on."""
        return [asdict(call) for call in self._vendor.calls(method)[since:]]

    async def wait(self, method: str, calls: int, within: float = 30.0) -> Any:
        """Answer as soon as `calls` calls of `method` have arrived; say how many have."""
        with suppress(TimeoutError):
            await self._vendor.until(lambda: len(self._vendor.calls(method)) >= calls, within)
        return len(self._vendor.calls(method))

    async def impatient(self) -> Any:
        """List the calls that came before a Retry-After had passed."""
        return [asdict(call) for call in self._vendor.ledger.impatient()]

    async def fault(self, **fields: Any) -> Any:
        """Add one fault rule, e.g. {"failure": "reset", "method": "*", "work_done": true}."""
        self._vendor.faults.add(fault_of(fields))

    async def mend(self) -> Any:
        """Drop every fault rule; say how many calls they spoilt."""
        self._vendor.faults.clear()
        return self._vendor.faults.hits

    async def down(self, status: int | None = None) -> Any:
        """Refuse connections, or answer everything with `status`."""
        await self._vendor.down(status)

    async def up(self) -> Any:
        """Be back."""
        await self._vendor.up()

    async def latency(self, seconds: float) -> Any:
        """Let every call take at least this long."""
        self._vendor.ledger.latency = seconds


@dataclass(frozen=True, slots=True)
class Remote:
    """A vendor in another process, as a test sees it. facts: the JSON line that it printed."""

    facts: dict[str, str]
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        """Where the client under test finds the vendor."""
        return self.facts["url"]

    async def ask(self, verb: str, **fields: Any) -> Any:
        """Do one control verb and return its answer; raises LookupError with what went wrong."""
        address = f"{self.facts['control']}/{verb}"
        async with self.session.post(address, json=fields) as answer:
            if answer.status != 200:
                raise LookupError(await answer.text())
            return await answer.json()


@asynccontextmanager
async def spawned(vendor: str, *options: str) -> AsyncIterator[Remote]:
    """Run `tests.vendors.<vendor>` while the block lasts, or this process."""
    reader, writer = await asyncio.open_connection(sock=nursery().born(vendor, *options))
    try:
        line = await reader.readline()
        if not line:
            raise RuntimeError(f"tests.vendors.{vendor} did not start")
        async with aiohttp.ClientSession() as session:
            yield Remote(json.loads(line), session)
    finally:
        writer.write_eof()
        await reader.read()  # it has ended
        writer.close()
        await writer.wait_closed()


def main(open_vendor: Callable[[int], AbstractAsyncContextManager[Any]], desk: type[Desk]) -> None:
    """Serve a vendor and its control address until SIGTERM, SIGINT or the end of stdin."""
    parser = argparse.ArgumentParser(description="A vendor's API on 127.0.0.1, for tests.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--until-eof", action="store_true", help="end with the end of stdin")
    chosen = parser.parse_args()
    asyncio.run(_serve(open_vendor(chosen.port), desk, until_eof=chosen.until_eof))


async def _serve(
    vendor: AbstractAsyncContextManager[Any], desk: type[Desk], *, until_eof: bool
) -> None:
    done, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    if until_eof:
        loop.add_reader(sys.stdin, lambda: done.set() if not sys.stdin.buffer.read(1) else None)
    async with vendor as server:
        door = Loopback(_control(desk(server)))
        await door.open()
        facts = {"control": f"{door.url}/_control", "url": server.url}
        names = ("api_url", "bot_token", "app_token", "signing_secret", "account_sid", "auth_token")
        facts |= {name: getattr(server, name) for name in names if hasattr(server, name)}
        print(json.dumps(facts), flush=True)
        try:
            await done.wait()
        finally:
            await door.close()


def _control(desk: Desk) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        name = request.match_info["verb"]
        verb: Verb | None = None if name.startswith("_") else getattr(desk, name, None)
        if verb is None:
            known = ", ".join(sorted(one for one in dir(desk) if not one.startswith("_")))
            return web.Response(status=404, text=f"no verb {name!r}; known: {known}")
        fields = await request.json() if request.can_read_body else {}
        try:
            found = await verb(**fields)
        except Exception as error:
            return web.Response(status=400, text=f"{name}: {type(error).__name__}: {error}")
        return web.json_response(found, dumps=_dumps)

    app = web.Application()
    app.router.add_post("/_control/{verb}", answer)
    return app


def _dumps(value: Any) -> str:
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)
