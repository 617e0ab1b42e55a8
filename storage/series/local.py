"""`LocalSeries`: journal, head and segments behind one `append` and one `select`.

The way of a sample: appends that wait while the disk is busy become one group; one thread admits
it, writes it to the journal, makes that durable, and only then shows it in the head. `seal` turns
windows of the head that nothing can enter any more into segments and cuts the journal. A reader
sees a window either in the head or as a segment, never in both and never in neither.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from storage.clock import Clock
from storage.errors import MetricsUnavailable, StorageUnavailable
from storage.model.labels import Labels, Matcher
from storage.model.sample import Appended, Batch, Selection
from storage.series.commit import GroupCommit
from storage.series.options import SeriesOptions, SeriesStats
from storage.series.readings import last_ms_until
from storage.series.store import Store

__all__ = ["LocalSeries", "SeriesOptions", "SeriesStats"]


class LocalSeries:
    """The embedded store. Open it with `LocalSeries.open`; `append`, `seal`, `close` belong to
    the event loop, everything else may be called from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._commits = GroupCommit(store.commit)
        self._sealing: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, directory: Path, options: SeriesOptions, clock: Clock) -> "LocalSeries":
        """Open or create the store in `directory`; what was answered for before is there again.

        Raises ConfigError where the directory is unfit or another process has it (and says
        which), StorageUnavailable where the disk refuses.
        """
        return cls(await asyncio.to_thread(Store, directory, options, clock))

    async def append(self, batch: Batch) -> Appended:
        """Store what may be stored of `batch`; returns once that is durable.

        Samples that may not enter are counted, with an example for each reason; sending again
        what is stored already is harmless (`duplicate`). Raises StorageUnavailable where the
        disk refuses (or the store is closed): then nothing of the batch is kept.
        """
        self._refuse_if_closed(StorageUnavailable)
        return await self._commits.append(batch)

    def select(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        """Return all samples in (start, end] (Unix seconds) of the series that match.

        Rows stand in the order in which the store first saw the series. Raises
        MetricsUnavailable where the store is closed or the disk cannot be read.
        """
        self._refuse_if_closed(MetricsUnavailable)
        chosen = self._store.index.choose(matchers)
        return self._store.read(chosen, last_ms_until(start), last_ms_until(end))

    def newest(self, matchers: Sequence[Matcher], start: float, end: float) -> Selection:
        """Return of each series that matches its newest sample in (start, end], as `select` does.

        That is all an instant query looks at, and there is no need to read the others.
        """
        self._refuse_if_closed(MetricsUnavailable)
        chosen = self._store.index.choose(matchers)
        return self._store.newest(chosen, last_ms_until(start), last_ms_until(end))

    def series(self, matchers: Sequence[Matcher], start: float, end: float) -> tuple[Labels, ...]:
        """Return the labels of the series that match and have a sample in (start, end]."""
        self._refuse_if_closed(MetricsUnavailable)
        numbers = self._store.index.select(matchers)
        return self._store.with_samples(numbers, last_ms_until(start), last_ms_until(end))

    def matching(self, matchers: Sequence[Matcher]) -> int | None:
        """Return how many series match; None where they were not selected since some came."""
        chosen = self._store.index.remembered(tuple(matchers))
        return None if chosen is None else len(chosen.numbers)

    def label_names(self, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return the label names in use, sorted; with matchers, those of matching series."""
        self._refuse_if_closed(MetricsUnavailable)
        return self._store.index.names(matchers)

    def label_values(self, name: str, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return the values of one label, sorted; with matchers, those of matching series."""
        self._refuse_if_closed(MetricsUnavailable)
        return self._store.index.values(name, matchers)

    def metadata(self) -> Mapping[str, Mapping[str, str]]:
        """Return what senders told: metric name -> {"type", "help", "unit"}."""
        return self._store.metadata()

    async def seal(self) -> None:
        """Seal the windows that are due, delete what is too old; to be called on a tick.

        Raises StorageUnavailable where the disk refuses; nothing is lost, the next call tries
        again. Two calls at once share the work; a cancelled call lets it go on.
        """
        self._refuse_if_closed(StorageUnavailable)
        if self._sealing is None or self._sealing.done():
            self._sealing = asyncio.create_task(self._seal())
        await asyncio.shield(self._sealing)

    def stats(self) -> SeriesStats:
        """Say how the store is doing; cheap."""
        return self._store.stats()

    async def close(self) -> None:
        """Answer the appends that wait, then let go of the directory; idempotent."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _seal(self) -> None:
        store, commits = self._store, self._commits
        try:
            await asyncio.to_thread(store.expire)  # first, since that may free the room to seal
            for window in await commits.run(store.close_windows):
                await asyncio.to_thread(store.seal_window, window)
            await commits.run(store.cut_journal)
            await asyncio.to_thread(store.expire)
            await commits.run(store.forget_series)
        except OSError as error:
            raise StorageUnavailable(f"sealing samples: {error}; it is tried again") from error

    async def _close(self) -> None:
        if self._sealing is not None:
            await asyncio.wait([self._sealing])
        await self._commits.close()
        await asyncio.to_thread(self._store.close)

    def _refuse_if_closed(self, error: type[StorageUnavailable] | type[MetricsUnavailable]) -> None:
        if self._closing is not None:
            raise error("the series store is closed")
