"""Group commit for told alerts: while one batch is written, those that come meanwhile gather."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from storage.model.alert import Alert
from storage.model.labels import Fingerprint

Told = Mapping[Fingerprint, Alert]
MOST = 1_000
"""Alerts that one transaction takes, unless a single batch has more."""


@dataclass(eq=False, slots=True)
class _Waiting:
    told: Told
    done: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Inflow:
    """Batches of alerts on their way to disk, in the order in which they came.

    write: stores a batch, all of it or nothing. Batches go together as long as they come from one
    source and do not contradict each other: of an alert that fires in one and ends in the next,
    both are told.
    """

    def __init__(self, write: Callable[[Told], Awaitable[None]]) -> None:
        self._write = write
        self._line: deque[_Waiting] = deque()
        self._now: Told = {}
        self._worker: asyncio.Task[None] | None = None

    def holds_any_of(self, told: Told) -> bool:
        """Say whether any of these alerts is on its way already, so that what is known is old."""
        ahead = (self._now, *(it.told for it in self._line))
        return any(not told.keys().isdisjoint(some.keys()) for some in ahead)

    async def put(self, told: Told) -> None:
        """Return when the batch is on disk; raises what kept it from that.

        One that is given up by its sender may be written all the same.
        """
        mine = _Waiting(told)
        self._line.append(mine)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        await mine.done

    async def _work(self) -> None:
        while self._line:
            some, told = self._next()
            self._now = told
            try:
                await self._write(told)
            except Exception as error:
                for it in some:
                    if not it.done.done():
                        it.done.set_exception(error)
            else:
                for it in some:
                    if not it.done.done():
                        it.done.set_result(None)
            finally:
                self._now = {}

    def _next(self) -> tuple[list[_Waiting], Told]:
        first = self._line.popleft()
        some, together = [first], dict(first.told)
        source = _source(first.told)
        while self._line and len(together) + len(self._line[0].told) <= MOST:
            told = self._line[0].told
            both = together.keys() & told.keys()
            if _source(told) != source or any(together[k].status != told[k].status for k in both):
                break
            some.append(self._line.popleft())
            together |= told
        return some, together


def _source(told: Told) -> str:
    return next((alert.source for alert in told.values()), "")
