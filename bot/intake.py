"""The one way in for samples: stored first, then judged, whoever brought them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import structlog

from storage.model.sample import Appended, Batch

log = structlog.get_logger(__name__)


class Store(Protocol):
    """What takes samples; `storage.series.local.LocalSeries`."""

    async def append(self, batch: Batch) -> Appended:
        """Return once what could be stored survives a kill; raises StorageUnavailable."""
        ...


class Judging(Protocol):
    """Who is told what arrived; `routing.flow.evaluate.Judge`."""

    async def arrived(self, source: str, appended: Appended, complete: bool) -> None:
        """Judge the rules that look at what was stored."""
        ...


def _nobody(source: str, appended: Appended) -> None:
    """Hear of a batch and do nothing."""


class Intake:
    """Stores batches and has them judged afterwards, so that no sender waits for the judging.

    heard: called with (source, appended) after every batch that was stored; for counters.
    """

    def __init__(
        self, store: Store, judge: Judging, heard: Callable[[str, Appended], None] = _nobody
    ) -> None:
        self._store, self._judge, self._heard = store, judge, heard
        self._judging: set[asyncio.Task[None]] = set()

    @property
    def backlog(self) -> int:
        """How many stored batches are being judged."""
        return len(self._judging)

    async def take(self, source: str, batch: Batch) -> Appended:
        """Store `batch`, told by `source`; returns once it survives a kill.

        Raises StorageUnavailable, and then nothing of it counts as stored.
        """
        appended = await self._store.append(replace(batch, source=source))
        self._heard(source, appended)
        task = asyncio.create_task(self._tell(source, appended, batch.complete))
        self._judging.add(task)
        task.add_done_callback(self._judging.discard)
        return appended

    async def drain(self) -> None:
        """Wait until everything that was stored has been judged."""
        while self._judging:
            await asyncio.wait(self._judging)

    async def _tell(self, source: str, appended: Appended, complete: bool) -> None:
        try:
            await self._judge.arrived(source, appended, complete)
        except Exception:
            # The samples are safe and the rules' own interval judges them again.
            log.exception("judging on arrival failed", source=source)
