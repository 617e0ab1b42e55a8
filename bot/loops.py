"""Loops: work that turns whenever it is woken, and can be asked when it last did."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

import structlog

from storage.clock import Clock, Steady
from storage.errors import MetricsUnavailable, StorageUnavailable

log = structlog.get_logger(__name__)


class Loop:
    """One piece of work on its own task.

    work:        called after every wake; wakes that come while it runs are one more turn.
    stuck_after: seconds; a loop that has not come round for longer is stuck.
    turned:      steady time at which the loop last came round, whatever the work did.
    succeeded:   steady time at which the work last ended without an error.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        clock: Clock,
        *,
        stuck_after: float = 60.0,
        wake: asyncio.Event | None = None,
    ) -> None:
        self.name = name
        self.wake = wake or asyncio.Event()
        self.turned: Steady = clock.steady()
        self.succeeded: Steady = clock.steady()
        self._work, self._clock, self._stuck_after = work, clock, stuck_after
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""

    def start(self) -> None:
        """Begin to turn; needs a running event loop."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Stop turning; work that is under way is cancelled."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def is_stuck(self) -> bool:
        """Say whether it has not come round for too long, though it is woken again and again."""
        return self._clock.steady() - self.turned > self._stuck_after

    def is_failing(self) -> bool:
        """Say whether its work has not succeeded for too long."""
        return self._clock.steady() - self.succeeded > self._stuck_after

    async def _run(self) -> None:
        while True:
            await self.wake.wait()
            self.wake.clear()
            try:
                await self._work()
            except Exception as error:
                # Whatever the work raises, the loop turns on: a pager that stops is worse.
                self._complain(error)
            else:
                self._recovered()
                self.succeeded = self._clock.steady()
            self.turned = self._clock.steady()

    def _complain(self, error: Exception) -> None:
        """Log a trouble when it begins or changes, not at every turn."""
        trouble = f"{type(error).__name__}: {error}"
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if isinstance(error, (StorageUnavailable, MetricsUnavailable)):  # says all there is to say
            log.error("loop failed", loop=self.name, error=str(error))
        else:
            log.error("loop failed", loop=self.name, exc_info=error)

    def _recovered(self) -> None:
        if self._trouble:
            log.info("loop recovered", loop=self.name, was=self._trouble)
            self._trouble = ""


def stuck(loops: Iterable[Loop]) -> tuple[str, ...]:
    """Name the loops that are stuck."""
    return tuple(loop.name for loop in loops if loop.is_stuck())


def failing(loops: Iterable[Loop]) -> tuple[str, ...]:
    """Name the loops whose work keeps failing."""
    return tuple(loop.name for loop in loops if loop.is_failing())
