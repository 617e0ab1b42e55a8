"""Stored samples go on to another system by remote write, as fast as it takes them."""

import asyncio
import ssl
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress

import aiohttp
import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from bot.forward_wire import HEADERS, encode
from storage.metrics.remote import RemoteMetrics, RemoteOptions, trusted
from storage.model.sample import Appended, Batch, Sample

log = structlog.get_logger(__name__)

MOST = 5_000
"""Samples in one request."""
GATHER = 1.0
"""Seconds for which samples are gathered, so that few requests carry many."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds before the first try after a failure, and at most; each failure doubles it."""
LAST_CHANCE = 3.0
"""Seconds that a stop waits for what can still be sent."""
ASKED_FOR = 600.0
"""Seconds of a Retry-After that are honoured, at most."""


class Forwarder:
    """A queue of samples and the loop that empties it.

    What waits is bounded: beyond `queue` samples the oldest are dropped and counted. It is kept
    in memory: what still waits at a stop is in our own store only.
    """

    def __init__(
        self,
        options: RemoteOptions,
        queue: int,
        *,
        gather: float = GATHER,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._options, self._most, self._gather, self._sleep = options, queue, gather, sleep
        self._name = RemoteMetrics.name_of(options.url)
        self._tls: ssl.SSLContext | None = trusted(options.ca_file)
        self._waiting: deque[Sample] = deque()
        self._came = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.sent, self.dropped = 0, Counter[str]()
        self._trouble, self._sending = "", False

    @property
    def waiting(self) -> int:
        """How many samples wait."""
        return len(self._waiting)

    def take(self, samples: Sequence[Sample]) -> None:
        """Queue samples; returns at once."""
        self._waiting.extend(samples)
        while len(self._waiting) > self._most:
            self._waiting.popleft()
            self.dropped["queue full"] += 1
        if samples:
            self._came.set()

    def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._run(), name="forward")

    async def close(self) -> None:
        """Send what waits, unless the other side is in trouble; then stop."""
        if self._task is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.0 if self._trouble else LAST_CHANCE):
                    while (self._waiting or self._sending) and not self._trouble:
                        await asyncio.sleep(0.02)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def families(self) -> Iterator[Metric]:
        """Write how it goes, for `/metrics`."""
        yield GaugeMetricFamily(
            "tocsin_forward_waiting_samples", "Samples that wait to be forwarded.", self.waiting
        )
        yield CounterMetricFamily(
            "tocsin_forward_sent_samples", "Samples that were forwarded.", self.sent
        )
        dropped = CounterMetricFamily(
            "tocsin_forward_dropped_samples", "Samples given up, by reason.", labels=["reason"]
        )
        for reason in ("queue full", "refused"):
            dropped.add_metric([reason], self.dropped[reason])
        yield dropped

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._options.timeout)
        connector = aiohttp.TCPConnector(ssl=self._tls or True)
        headers = {**self._options.headers, **HEADERS}
        async with aiohttp.ClientSession(
            timeout=timeout, connector=connector, headers=headers
        ) as session:
            while True:
                await self._came.wait()
                self._came.clear()
                await self._sleep(self._gather)
                while self._waiting:
                    self._sending = True
                    count = min(MOST, len(self._waiting))
                    await self._deliver(session, [self._waiting.popleft() for _ in range(count)])
                    self._sending = False

    async def _deliver(self, session: aiohttp.ClientSession, samples: list[Sample]) -> None:
        """Send until the other side has taken the samples, or refused them for good."""
        body, pause = await asyncio.to_thread(encode, samples), FIRST_PAUSE
        while True:
            status, asked, text = await self._post(session, body)
            if 200 <= status < 300:
                self.sent += len(samples)
                self._say("")
                return
            if 400 <= status < 500 and status not in (408, 425, 429):
                # It will never take these; those that follow may be better.
                self.dropped["refused"] += len(samples)
                self._say(f"status {status}, samples are dropped: {text}")
                return
            self._say(text if not status else f"status {status}, tried again: {text}")
            await self._sleep(max(pause, asked))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> tuple[int, float, str]:
        """Send once; return the status (0: none came), the pause asked for, and what was said."""
        try:
            async with session.post(self._options.url, data=body, allow_redirects=False) as got:
                text = (await got.content.read(300)).decode("utf-8", "replace").strip()
                return got.status, _pause(got.headers), text
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return 0, 0.0, f"cannot be reached: {type(error).__name__}"

    def _say(self, trouble: str) -> None:
        """Log a trouble when it begins, changes or ends."""
        if trouble and trouble != self._trouble:
            log.warning("samples are not forwarded", to=self._name, reason=trouble)
        elif self._trouble and not trouble:
            log.info("samples are forwarded again", to=self._name)
        self._trouble = trouble


class Forwarding:
    """A store that passes on what it has stored."""

    def __init__(
        self, append: Callable[[Batch], Awaitable[Appended]], forwarder: Forwarder
    ) -> None:
        self._append, self._forwarder = append, forwarder

    async def append(self, batch: Batch) -> Appended:
        """Store, then queue what is new; raises StorageUnavailable."""
        appended = await self._append(batch)
        self._forwarder.take(appended.fresh)
        return appended


def _pause(headers: Mapping[str, str]) -> float:
    """Return the seconds that the other side asks us to wait; 0 where it does not say."""
    written = headers.get("Retry-After", "")
    return min(float(written), ASKED_FOR) if written.isascii() and written.isdecimal() else 0.0
