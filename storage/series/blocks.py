"""All sealed segments: writing, reading, quarantine and expiry.

Segments are named by window and journal position, listed by the catalogue, and may overlap in
time (after the clock was set back a window can be sealed twice). A segment that is not what was
written is set aside in `quarantine/`, told, and no longer answered from.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock

import numpy as np
import structlog

from storage.errors import MetricsUnavailable, StorageUnavailable
from storage.model.sample import Ints
from storage.series import segment as segment_file
from storage.series.catalogue import Catalogue, Segment
from storage.series.frames import Damaged
from storage.series.head import Window
from storage.series.index import Index
from storage.series.journal import sync_directory
from storage.series.readings import FIRST_MS, LAST_MS, Readings
from storage.series.recent import Recent
from storage.series.retention import expired
from storage.series.segment import Directory

log = structlog.get_logger(__name__)

KNOWN_SERIES = 400_000  # entries of all directories that are kept in memory: 13 MiB
GROUP = 32_768  # samples that are compressed together


class Blocks:
    """The segments under one directory."""

    def __init__(self, directory: Path, catalogue: Catalogue) -> None:
        self._directory, self._quarantine = directory, directory / "quarantine"
        directory.mkdir(exist_ok=True)
        self._catalogue = catalogue
        self._lock = Lock()
        self._directories: OrderedDict[str, Directory] = OrderedDict()
        self._recent = Recent()
        self._segments = catalogue.segments()
        self._saved = catalogue.highest()
        self._drop_strangers()
        for segment in self.good:
            path = self._path(segment)
            size = path.stat().st_size if path.exists() else None
            if size != segment.bytes:
                found = "the file is missing" if size is None else f"{size} bytes long"
                self._set_aside(segment, f"{found}, {segment.bytes} bytes were written")

    @property
    def all(self) -> Sequence[Segment]:
        """Every segment, quarantined ones included, in the order their samples came."""
        return tuple(self._segments)

    @property
    def good(self) -> Sequence[Segment]:
        """The segments that can be answered from."""
        return tuple(segment for segment in self._segments if not segment.damage)

    def overlapping(self, after: int, until: int) -> list[Segment]:
        """Return the good segments with samples in (after, until] milliseconds."""
        return [one for one in self.good if one.last > after and one.first <= until]

    def write(
        self,
        window: Window,
        index: Index,
        newest: Callable[[Ints], Ints],
        sources: Callable[[Iterable[int]], Mapping[int, str]] = lambda _: {},
    ) -> Segment:
        """Seal a closed window: file first, then its row, both durable. Readers see it later.

        Raises StorageUnavailable where the disk refuses; then nothing has changed.
        """
        upto = window.closed_at or 0
        path = self._directory / f"{window.start}-{upto:x}.seg"
        partial = path.with_suffix(".partial")
        try:
            held = segment_file.write(partial, _parts(window, index))
            size = partial.stat().st_size
            partial.replace(path)
            sync_directory(self._directory)
        except OSError as error:
            raise StorageUnavailable(
                f"{path}: the disk refuses to take a segment: {error.strerror or error}; "
                "its samples stay in memory and in the journal, it is tried again"
            ) from error
        segment = Segment(
            name=path.name, window=window.start, upto=upto, bytes=size, samples=window.samples,
            first=int(held.first.min()), last=int(held.last.max()),
        )  # fmt: skip
        # Also series that are only in the head: so those that the journal alone knows always have
        # higher numbers than those of the catalogue, and are learnt in ascending order.
        unsaved = index.all()
        told = np.union1d(held.numbers, unsaved[unsaved > self._saved])
        numbers = told.tolist()
        known = zip(numbers, index.labels_of(numbers), newest(told).tolist(), strict=True)
        self._catalogue.add(segment, known, sources(numbers))
        self._saved = max(self._saved, numbers[-1])
        return segment

    def publish(self, segment: Segment) -> None:
        """Let readers see a segment; under the head's lock, together with dropping its window."""
        with self._lock:
            self._segments = [*self._segments, segment]

    def read(self, segment: Segment, wanted: Ints, after: int, until: int) -> Readings:
        """Return the samples of the series `wanted` (ascending) in (after, until] milliseconds.

        A damaged segment is quarantined and has no samples. Raises MetricsUnavailable where the
        disk cannot be read now.
        """
        path = self._path(segment)
        try:
            directory = self._directory_of(segment)
            return segment_file.read(path, directory, wanted, after, until, self._recent)
        except Damaged as damage:
            self._set_aside(segment, str(damage))
        except FileNotFoundError:
            self._set_aside(segment, "the file is missing")
        except OSError as error:
            raise MetricsUnavailable(f"{path}: cannot be read: {error.strerror}") from error
        return Readings.none()

    def with_samples(self, segment: Segment, wanted: Ints, after: int, until: int) -> Ints:
        """Return which rows of `wanted` (ascending) have a sample in (after, until].

        Only series of which the directory cannot tell are read.
        """
        try:
            known = self._directory_of(segment)
        except (Damaged, OSError):
            return np.unique(self.read(segment, wanted, after, until).rows)  # tells what is wrong
        surely = ((known.first > after) & (known.first <= until)) | (
            (known.last > after) & (known.last <= until)
        )
        perhaps = (known.first <= after) & (known.last > until)
        sure = np.flatnonzero(np.isin(wanted, known.numbers[surely]))
        unsure = np.flatnonzero(np.isin(wanted, known.numbers[perhaps]))
        if not len(unsure):
            return sure
        rows = unsure[np.unique(self.read(segment, wanted[unsure], after, until).rows)]
        return np.union1d(sure, rows)

    def delete(self, segments: Sequence[Segment]) -> None:
        """Delete segments, row first, so that a crash between leaves a file and no hole.

        Where the disk is too full to change a row, the files go first and make room for it.
        """
        names = {segment.name for segment in segments}
        with self._lock:
            self._segments = [one for one in self._segments if one.name not in names]
            for name in names:
                self._directories.pop(name, None)
                self._recent.forget(name)
        try:
            self._catalogue.remove(names)
        except StorageUnavailable:
            self._unlink(segments)
            self._catalogue.remove(names)
        self._unlink(segments)

    def _unlink(self, segments: Sequence[Segment]) -> None:
        for segment in segments:
            self._path(segment).unlink(missing_ok=True)
            (self._quarantine / segment.name).unlink(missing_ok=True)

    def expire(self, oldest: int, most_bytes: int | None) -> None:
        """Delete what retention no longer covers: all before `oldest` (Unix ms), or too much."""
        if gone := expired(self._segments, oldest, most_bytes):
            self.delete(gone)
            log.info("segments_expired", names=[segment.name for segment in gone])

    def _directory_of(self, segment: Segment) -> Directory:
        with self._lock:
            if found := self._directories.get(segment.name):
                self._directories.move_to_end(segment.name)
                return found
        found = segment_file.read_directory(self._path(segment))
        with self._lock:
            self._directories[segment.name] = found
            room = KNOWN_SERIES - sum(len(one.numbers) for one in self._directories.values())
            while room < 0 and len(self._directories) > 1:
                room += len(self._directories.popitem(last=False)[1].numbers)
        return found

    def _set_aside(self, segment: Segment, why: str) -> None:
        """Quarantine a segment, unless another reader has, or it has just expired."""
        with self._lock:
            if segment not in self._segments:
                return
            damaged = replace(segment, damage=why)
            self._segments = [damaged if one == segment else one for one in self._segments]
            self._directories.pop(segment.name, None)
        path, aside = self._path(segment), self._quarantine / segment.name
        log.error("segment_quarantined", file=str(path), why=why, samples=segment.samples,
                  aside=str(aside))  # fmt: skip
        try:
            self._catalogue.mark_damaged(segment.name, why)
            self._quarantine.mkdir(exist_ok=True)
            path.replace(aside)
        except FileNotFoundError:
            return
        except (OSError, StorageUnavailable) as error:
            log.warning("segment_not_moved", file=str(path), why=str(error))

    def _drop_strangers(self) -> None:
        """Clear away files that no row names.

        A crash between file and row leaves one (the journal has its samples); so does a lost
        catalogue, and therefore nothing but the half-written is deleted.
        """
        names = {segment.name for segment in self._segments}
        for path in self._directory.iterdir():
            if path.suffix == ".partial":
                path.unlink()
            elif path.suffix == ".seg" and path.name not in names:
                self._quarantine.mkdir(exist_ok=True)
                path.replace(self._quarantine / path.name)
                log.warning("segment_unknown", file=str(path), aside=str(self._quarantine))

    def _path(self, segment: Segment) -> Path:
        return self._directory / segment.name


def _parts(window: Window, index: Index) -> Iterator[segment_file.Part]:
    """Read a closed window in runs of series, each sorted by series and time.

    Series of one metric stand together, since they are what a query asks for together.
    """
    for numbers in window.slices(index.by_metric(window.held()), GROUP):
        found = window.mark(numbers).read(FIRST_MS, LAST_MS)
        order = np.lexsort((found.times, found.rows))
        ordered = Readings(found.rows[order], found.times[order], found.values[order])
        yield segment_file.Part(numbers, ordered)
