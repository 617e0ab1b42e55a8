"""Asks tables over HTTP what they know of alerts that come in.

An alert waits for an answer as long as the lookup's timeout says, and no longer; while an address
fails nothing waits for it at all. What comes later is there when the alert is told again.
"""

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import structlog

from bot.ingest.format import BadPayload
from bot.lookups.address import Address
from routing.flow.current import Current
from routing.lookups import Lookup, Row, looked_up, with_texts
from routing.playbook import Playbook
from storage.clock import Clock, Steady
from storage.model.alert import Alert
from storage.model.labels import Labels

if TYPE_CHECKING:
    import aiohttp

log = structlog.get_logger(__name__)

REST = 30.0
"""Seconds for which an address that failed is left alone."""
AT_ONCE = 8
"""Questions to one address at the same time."""
MOST_OPEN, MOST_KEPT = 1_000, 20_000
"""Questions that wait for their turn, answers that are remembered; of each lookup."""
GONE = frozenset({400, 404, 410, 414, 422})
"""What says that the table knows nothing of a value; that is an answer, and no failure: one odd
label must not take the table away from all the others."""


@dataclass(slots=True)
class Table:
    """One lookup's answers. rows: the same object that routing reads."""

    rows: dict[str, Row]
    asked: dict[str, Steady] = field(default_factory=dict)
    open: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    failed: Steady | None = None
    trouble: str = ""

    def rests(self, now: Steady) -> bool:
        """Say whether it is left alone, because it failed a moment ago."""
        return self.failed is not None and now - self.failed < REST


class Asker:
    """Adds to alerts what is known of them."""

    def __init__(self, playbook: Current[Playbook], clock: Clock) -> None:
        self._playbook, self._clock = playbook, clock
        self._tables: WeakKeyDictionary[Lookup, Table] = WeakKeyDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sessions: dict[tuple[object, ...], aiohttp.ClientSession] = {}

    def warm(self) -> None:
        """Load what it takes to ask, so that no alert waits for that; inside a running loop."""
        for lookup in self._playbook().catalogue.lookups:
            if isinstance(lookup.asks, Address):
                self._session(lookup.asks)

    async def enrich(self, alerts: Sequence[Alert]) -> Sequence[Alert]:
        """Return the alerts with what the tables know; never raises, and never loses one."""
        lookups = self._playbook().catalogue.lookups
        if not lookups:
            return alerts
        try:
            for place, lookup in enumerate(lookups):
                if isinstance(lookup.asks, Address):
                    seen = (looked_up(alert.labels, lookups[:place]) for alert in alerts)
                    await self._ask(lookup, lookup.asks, seen)
            return [with_texts(alert, lookups) for alert in alerts]
        except Exception:  # whatever goes wrong in here, the alerts are worth more
            log.exception("lookups failed; alerts go without them")
            return alerts

    async def _ask(self, lookup: Lookup, address: Address, seen: Iterable[Labels]) -> None:
        table, now = self._table(lookup), self._clock.steady()
        values = {value for labels in seen if (value := lookup.value_in(labels))}
        if table.rests(now) or not values:
            return
        self._session(address)
        waited = []
        for value in values:
            is_old = now - table.asked.get(value, now) > address.keep
            if (value in table.asked and not is_old) or len(table.open) >= MOST_OPEN:
                continue
            task = table.open.get(value) or self._begin(lookup, address, table, value)
            if (
                value not in table.asked
            ):  # what is known already, though old, need not be waited for
                waited.append(task)
        if waited:
            await asyncio.wait(waited, timeout=address.timeout)

    def _table(self, lookup: Lookup) -> Table:
        table = self._tables.get(lookup)
        if table is None:
            assert isinstance(lookup.rows, dict)
            table = self._tables[lookup] = Table(lookup.rows)
        return table

    def _begin(
        self, lookup: Lookup, address: Address, table: Table, value: str
    ) -> "asyncio.Task[None]":
        task = asyncio.create_task(self._answer(lookup.name, address, table, value))
        table.open[value] = task
        self._tasks.add(task)

        def done(ended: "asyncio.Task[None]") -> None:
            table.open.pop(value, None)
            self._tasks.discard(ended)

        task.add_done_callback(done)
        return task

    async def _answer(self, name: str, address: Address, table: Table, value: str) -> None:
        async with table.turn:
            if table.rests(self._clock.steady()):
                return  # the others found out that it fails
            try:
                async with asyncio.timeout(address.timeout):
                    row = await _asked(self._session(address), address, value)
            except Exception as error:  # whatever an address does, no alert waits or is lost for it
                self._failed(name, table, _explained(error))
                return
        if table.trouble:
            log.info("lookup answers again", lookup=name, was=table.trouble)
            table.trouble, table.failed = "", None
        table.asked.pop(value, None)
        table.asked[value] = self._clock.steady()
        table.rows[value] = row
        while len(table.asked) > MOST_KEPT:
            oldest = next(iter(table.asked))
            del table.asked[oldest]
            table.rows.pop(oldest, None)

    def _failed(self, name: str, table: Table, trouble: str) -> None:
        table.failed = self._clock.steady()
        if trouble != table.trouble:
            log.warning("lookup fails; alerts go without it", lookup=name, reason=trouble)
            table.trouble = trouble

    def _session(self, address: Address) -> "aiohttp.ClientSession":
        """Return what calls as this address may be called; aiohttp is loaded only now."""
        kind = (address.allow, address.ca_file)
        if kind not in self._sessions:
            import aiohttp

            from bot.outbound import Guard, Resolver, guarded_socket, read_networks

            guard = Guard(read_networks(address.allow))
            self._sessions[kind] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=Resolver(guard),
                    socket_factory=guarded_socket(guard),
                    use_dns_cache=False,
                    ssl=ssl.create_default_context(cafile=address.ca_file),
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._sessions[kind]

    async def close(self) -> None:
        """Stop asking, and let go of the connections."""
        for task in tuple(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for session in self._sessions.values():
            await session.close()


async def _asked(session: "aiohttp.ClientSession", address: Address, value: str) -> Row:
    """Ask for one value; raises whatever goes wrong."""
    from yarl import URL

    url = address.of(value)
    if not url:
        return Row()
    sent = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "tocsin"}
    headers = sent | dict(address.headers)
    asking = session.get(URL(url, encoded=True), headers=headers, allow_redirects=False)
    async with asking as answer:
        if answer.status in GONE:
            return Row()
        if answer.status != 200:
            raise BadPayload(f"it answers {answer.status}")
        body = await answer.content.read(address.max_size + 1)
        while len(body) <= address.max_size and (more := await answer.content.readany()):
            body += more
        if len(body) > address.max_size:
            raise BadPayload(f"its answer is larger than {address.max_size} bytes")
        return address.read(body)


def _explained(error: Exception) -> str:
    """Say what went wrong, without the address: it may hold a secret."""
    from bot.outbound import Forbidden

    refusal = error if isinstance(error, Forbidden) else error.__cause__
    if isinstance(refusal, Forbidden):
        return f"it leads to {refusal}; add its network to `allow` if it is meant to be called"
    if isinstance(error, BadPayload):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"cannot be reached ({type(error).__name__})"
