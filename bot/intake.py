"""The one way in for samples: stored first, then judged, whoever brought them."""

import asyncio
from collections.abc import Mapping
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


class Watching(Protocol):
    """Who counts what comes in; `bot.observe.Observations`."""

    def heard(self, source: str, appended: Appended, ignored: Mapping[str, int]) -> None:
        """Count a batch that was stored. ignored: reason -> samples that its format left out."""
        ...

    def turned_away(self, source: str, reason: str) -> None:
        """Count a body of which nothing was stored."""
        ...


class Intake:
    """Stores batches and has them judged afterwards, so that no sender waits for the judging.

    watching: told of every batch that was stored and every body that was refused.
    """

    def __init__(self, store: Store, judge: Judging, watching: Watching | None = None) -> None:
        self._store, self._judge, self._watching = store, judge, watching
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
        if self._watching is not None:
            self._watching.heard(source, appended, batch.ignored)
        task = asyncio.create_task(self._tell(source, appended, batch.complete))
        self._judging.add(task)
        task.add_done_callback(self._judging.discard)
        return appended

    def turn_away(self, source: str, reason: str) -> None:
        """Count a body that `source` sent, or that its target answered with, and nobody stored.

        reason: `too_large`, `too_slow`, `too_many_at_once` or `unreadable`.
        """
        if self._watching is not None:
            self._watching.turned_away(source, reason)

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
