"""What a series store is made of, put together; synchronous, `local` gives it threads.

The writer's thread calls `commit`, `close_windows`, `cut_journal`, `forget_series`; another
thread may `seal_window` and `expire` meanwhile; any thread may read.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import structlog

from storage.clock import Clock
from storage.errors import StorageUnavailable
from storage.model.labels import Labels
from storage.model.roster import chosen_of
from storage.model.sample import Appended, Batch, Ints, Selection
from storage.series.admit import Verdict, admit
from storage.series.blocks import Blocks
from storage.series.catalogue import Catalogue, Segment
from storage.series.head import Head, Mark, Window
from storage.series.index import Chosen, Index
from storage.series.journal import FILE_BITS, Entry, Journal, sync_directory
from storage.series.lock import DirectoryLock
from storage.series.newcomers import Newcomers
from storage.series.options import SeriesOptions, SeriesStats, milliseconds
from storage.series.owners import Owners
from storage.series.readings import Readings, last_of_each, pack
from storage.series.retention import forgotten_before

log = structlog.get_logger(__name__)

REPLAYED_AT_ONCE = 200_000  # samples
LONGEST_DESCRIPTION = 16_384  # characters of type, help and unit; longer ones are not kept


class Store:
    """Index, head, journal and segments of one directory, which it locks.

    Raises ConfigError where the directory is unfit or in use, StorageUnavailable where the disk
    refuses.
    """

    def __init__(self, directory: Path, options: SeriesOptions, clock: Clock) -> None:
        self._options, self._clock = options, clock
        self.index, self._head = Index(), Head(milliseconds(options.segment))
        self._owners = Owners()
        self._stored = self._orphaned = 0
        self._refused: Counter[str] = Counter()
        self._metadata: dict[str, Mapping[str, str]] = {}
        self._undescribed: dict[str, Mapping[str, str]] = {}
        self._lock = DirectoryLock(directory)
        try:
            self._catalogue = Catalogue(directory / "catalogue.sqlite")
            try:
                self._load(directory)
            except BaseException:
                self._catalogue.close()
                raise
        except OSError as error:
            self._lock.release()
            raise StorageUnavailable(f"{directory}: cannot be opened: {error}") from error
        except BaseException:
            self._lock.release()
            raise

    def commit(self, batches: Sequence[Batch]) -> list[Appended]:
        """Admit, make durable, and only then show."""
        now = self._clock.utc_now()
        admission = admit(batches, self.index, self._owners, self._head, now, self._options)
        entry = Entry(
            newcomers=Newcomers.of(admission.series, admission.sources),
            numbers=admission.numbers,
            times=admission.times,
            values=admission.values,
            metadata=self._news(batches),
        )
        if len(entry.numbers) or entry.metadata:
            self._journal.append(entry)
        self._learn(entry, recurring=True)
        self._head.put(entry.numbers, entry.times, entry.values)
        self._describe(entry.metadata)
        self._stored += len(entry.numbers)
        verdicts, counts = np.unique(admission.verdicts, return_counts=True)
        for verdict, count in zip(verdicts.tolist(), counts.tolist(), strict=True):
            if verdict != Verdict.STORED:
                self._refused[Verdict(verdict).name.lower()] += count
        return admission.answers(now, self._clock.utc_now(), self._options)

    def read(self, chosen: Chosen, after: int, until: int) -> Selection:
        """Return the samples of some series in (after, until] milliseconds."""
        readings = self._readings(chosen.numbers, after, until)
        return pack(readings, lambda rows: chosen_of(chosen.labels, rows))

    def newest(self, chosen: Chosen, after: int, until: int) -> Selection:
        """Return the newest sample of each series in (after, until] milliseconds.

        Mostly that is the last one that arrived. Where it is not (it is too new, or older ones
        came after it, or its window is sealed), all samples of the series are read.
        """
        found, rest = self._head.last_arrived(chosen.numbers, after, until)
        if len(rest):
            others = last_of_each(self._readings(chosen.numbers[rest], after, until))
            moved = Readings(rest[others.rows], others.times, others.values)
            found = Readings.together([found, moved])
        return pack(found, lambda rows: chosen_of(chosen.labels, rows))

    def _readings(self, numbers: Ints, after: int, until: int) -> Readings:
        """Read series (ascending numbers) in (after, until]; rows point into `numbers`."""
        segments, marks = self._view(numbers, after, until)
        parts = [self._blocks.read(segment, numbers, after, until) for segment in segments]
        parts += [mark.read(after, until) for mark in marks]
        return Readings.together(parts)

    def with_samples(self, numbers: Ints, after: int, until: int) -> tuple[Labels, ...]:
        """Return the labels of those among `numbers` (ascending) that have such a sample."""
        segments, marks = self._view(numbers, after, until)
        rows = [self._blocks.with_samples(one, numbers, after, until) for one in segments]
        rows += [np.unique(mark.read(after, until).rows) for mark in marks]
        if not rows:
            return ()
        return self.index.labels_of(numbers[np.unique(np.concatenate(rows))].tolist())

    def metadata(self) -> dict[str, Mapping[str, str]]:
        """Return what senders told: metric name -> {"type", "help", "unit"}."""
        return dict(self._metadata)

    def close_windows(self) -> list[Window]:
        """Close and return the windows that no sample may enter any more."""
        latest = self._clock.utc_now() - self._options.too_old
        position = self._journal.position
        windows = self._head.close_windows(round(latest.timestamp() * 1000), position)
        if windows:
            self._journal.rotate()
        return windows

    def seal_window(self, window: Window) -> None:
        """Write a closed window as a segment, and let readers see that instead."""
        segment = self._blocks.write(window, self.index, self._head.newest, self._owners.of)
        with self._head.lock:
            self._blocks.publish(segment)
            self._head.drop(window)
        log.info("segment_sealed", name=segment.name, samples=segment.samples, bytes=segment.bytes)

    def cut_journal(self) -> None:
        """Delete the journal files of which all is sealed."""
        if self._undescribed:
            self._catalogue.describe(self._undescribed)
            self._undescribed = {}
        self._journal.reclaim(self._head.oldest)

    def expire(self) -> None:
        """Delete the segments that retention no longer covers."""
        oldest = self._clock.utc_now() - self._options.retention
        self._blocks.expire(round(oldest.timestamp() * 1000), self._options.retention_bytes)

    def forget_series(self) -> None:
        """Drop the series of which no sample is left."""
        oldest = round((self._clock.utc_now() - self._options.retention).timestamp() * 1000)
        floor = forgotten_before(self._blocks.all, self._head.oldest, oldest)
        numbers = self.index.all()
        gone = numbers[self._head.newest(numbers) < floor].tolist()
        if gone:
            self._catalogue.forget(gone)
            self.index.forget(gone)
            self._owners.forget(gone)

    def stats(self) -> SeriesStats:
        """Say how the store is doing."""
        segments = self._blocks.all
        return SeriesStats(
            series=len(self.index),
            head_samples=self._head.samples,
            segments=sum(1 for segment in segments if not segment.damage),
            journal_bytes=self._journal.size,
            segment_bytes=sum(segment.bytes for segment in segments),
            stored=self._stored,
            fsyncs=self._journal.fsyncs,
            torn=self._journal.torn,
            orphaned=self._orphaned,
            quarantined=sum(1 for segment in segments if segment.damage),
            refused=dict(self._refused),
            by_source=self._owners.counts(),
        )

    def close(self) -> None:
        """Let go of files and lock; everything answered for is durable already."""
        self._journal.close()
        self._catalogue.close()
        self._lock.release()

    def _load(self, directory: Path) -> None:
        for series, newest in self._catalogue.series():
            self.index.learn(series)
            self._head.note_newest(series.numbers, newest)
        self._owners.learn(self._catalogue.sources())
        self._metadata.update(self._catalogue.metadata())
        self._blocks = Blocks(directory / "segments", self._catalogue)
        sealed: dict[int, int] = {}
        for segment in self._blocks.all:
            if not segment.damage:
                sealed[segment.window] = max(segment.upto, sealed.get(segment.window, 0))
        last = max((segment.upto for segment in self._blocks.all), default=0)
        self._journal = Journal(directory / "journal", first=(last >> FILE_BITS) + 1)
        sync_directory(directory)
        parts: list[Readings] = []
        waiting = 0
        for position, entry in self._journal.replay():
            parts.append(self._replay(position, entry, sealed))
            waiting += len(entry.numbers)
            if waiting >= REPLAYED_AT_ONCE:
                self._take_back(parts)
                parts, waiting = [], 0
        self._take_back(parts)
        if self._orphaned:
            log.error("samples_orphaned", samples=self._orphaned)

    def _replay(self, position: int, entry: Entry, sealed: Mapping[int, int]) -> Readings:
        """Learn an entry's series and metadata; return its samples that are in no segment."""
        self._learn(entry)
        self._describe(entry.metadata)
        windows = entry.times - entry.times % milliseconds(self._options.segment)
        keep = np.ones(len(windows), dtype=np.bool_)
        for window in np.unique(windows).tolist():
            if position < sealed.get(window, 0):
                keep &= windows != window
        if len(entry.numbers):
            self.index.reserve(int(entry.numbers.max()))
        return Readings(entry.numbers, entry.times, entry.values).where(keep)

    def _learn(self, entry: Entry, *, recurring: bool = False) -> None:
        """Make the series known that an entry brings; recurring: their labels are a sender's."""
        self.index.learn(entry.newcomers, recurring=recurring)
        self._owners.learn(entry.newcomers.sources)

    def _take_back(self, parts: Sequence[Readings]) -> None:
        """Put replayed samples (rows: numbers) into the head, less those of lost series."""
        readings = Readings.together(parts)
        known = self.index.knows(readings.rows)
        self._orphaned += int((~known).sum())
        kept = readings.where(known)
        self._head.put(kept.rows, kept.times, kept.values)

    def _view(self, numbers: Ints, after: int, until: int) -> tuple[list[Segment], list[Mark]]:
        """Note, at one moment, where to read: a window is either in the head or a segment."""
        with self._head.lock:
            segments = self._blocks.overlapping(after, until)
            return segments, self._head.marks(numbers, after, until)

    def _news(self, batches: Sequence[Batch]) -> dict[str, Mapping[str, str]]:
        told = {name: text for batch in batches for name, text in batch.metadata.items()}
        room = self._options.max_series - len(self._metadata)
        news: dict[str, Mapping[str, str]] = {}
        for name, text in told.items():
            fits = len(name) + sum(map(len, text.values())) <= LONGEST_DESCRIPTION
            if self._metadata.get(name) != text and fits and (name in self._metadata or room > 0):
                news[name] = dict(text)
                room -= name not in self._metadata
        return news

    def _describe(self, metadata: Mapping[str, Mapping[str, str]]) -> None:
        self._metadata.update(metadata)
        self._undescribed.update(metadata)
