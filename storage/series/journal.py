"""The write-ahead log: what `append` has answered for survives kill -9 and a power cut.

One entry is one group commit: the series it makes known, the samples, changed metadata; in one
checksummed frame, so it is there as a whole or not at all. Files are numbered and only ever
appended to; a new one is started at opening, when one has grown large, and at each sealing. A
position is (file number << 40) + offset and never decreases.

    magic | frame of (sizes | series | metadata as JSON | numbers | times | values) | frame ...

Files of the first layout, which has the series as JSON, are read as well.
"""

import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import structlog

from storage.errors import StorageUnavailable
from storage.model.labels import Labels
from storage.model.sample import Floats, Ints
from storage.series import newcomers
from storage.series.frames import Damaged, open_frame, seal_frame
from storage.series.newcomers import Newcomers
from storage.series.readings import FIRST_MS

log = structlog.get_logger(__name__)

MAGIC, MAGIC_OF_JSON = b"TOCSINJ2", b"TOCSINJ1"
FILE_BITS = 40
LARGE = 64 << 20  # bytes; then a new file is started
PARTS = struct.Struct("<III")  # bytes of series, samples, bytes of metadata

Metadata = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One group commit.

    newcomers: the series made known by it.
    """

    newcomers: Newcomers = field(default_factory=Newcomers.of)
    numbers: Ints
    times: Ints
    values: Floats
    metadata: Metadata = field(default_factory=dict)


@dataclass(slots=True)
class _File:
    path: Path
    size: int
    newest: int = FIRST_MS  # the latest sample time in it, Unix milliseconds


class Journal:
    """The files of one journal directory. One thread at a time.

    sync: makes a file's content durable; raises OSError where the disk refuses.
    first: no file gets a lower number than this.
    """

    def __init__(
        self, directory: Path, *, first: int = 1, sync: Callable[[int], None] = os.fsync
    ) -> None:
        directory.mkdir(exist_ok=True)
        self._directory, self._sync = directory, sync
        self._files = {
            int(path.stem): _File(path, path.stat().st_size)
            for path in sorted(directory.glob("*.wal"))
        }
        self._next = max(first, max(self._files, default=0) + 1)
        self._current: int | None = None
        self._handle = -1
        self._untrimmed: tuple[Path, int] | None = None
        self.torn = 0
        self.fsyncs = 0

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self._files.values())

    @property
    def position(self) -> int:
        """Where the next entry will stand, or a position before it and after all others."""
        if self._current is None:
            return self._next << FILE_BITS
        return (self._current << FILE_BITS) + self._files[self._current].size

    def replay(self) -> Iterator[tuple[int, Entry]]:
        """Read all entries in order, each with its position.

        A damaged or torn end of a file is told, copied into a file `*.torn` and cut off.
        """
        for number, file in sorted(self._files.items()):
            data = file.path.read_bytes()
            offset, why = len(MAGIC), ""
            layout = data[:offset]
            if layout not in (MAGIC, MAGIC_OF_JSON):
                offset, why = 0, "not a journal file of this version"
            while not why and offset < len(data):
                try:
                    payload, after = open_frame(data, offset)
                    entry = decode(payload, json_series=layout == MAGIC_OF_JSON)
                except (Damaged, ValueError, IndexError, struct.error) as damage:
                    why = str(damage)
                    break
                if len(entry.times):
                    file.newest = max(file.newest, int(entry.times.max()))
                yield (number << FILE_BITS) + offset, entry
                offset = after
            if why and data:
                self._cut(file, data, offset, why)

    def append(self, entry: Entry) -> None:
        """Write one entry and make it durable.

        Raises StorageUnavailable where the disk refuses; then nothing of it stays, and a later
        call works again once there is room.
        """
        frame = seal_frame(encode(entry), level=1)
        path = self._directory
        try:
            self._trim()
            file = self._writable()
            path = file.path
            self._write(frame)
        except OSError as error:
            self._give_up()
            raise StorageUnavailable(
                f"{path}: the disk refuses to take samples: {error.strerror or error}; "
                "nothing of this was stored, it is tried again with the next samples"
            ) from error
        file.size += len(frame)
        if len(entry.times):
            file.newest = max(file.newest, int(entry.times.max()))
        if file.size >= LARGE:
            self.rotate()

    def rotate(self) -> None:
        """Let the next entry start a new file."""
        if self._current is not None:
            os.close(self._handle)
            self._current, self._handle = None, -1

    def reclaim(self, oldest: int | None) -> None:
        """Delete files that only hold samples before `oldest` (None: all), all of them sealed."""
        for number, file in list(self._files.items()):
            if number != self._current and (oldest is None or file.newest < oldest):
                file.path.unlink(missing_ok=True)
                del self._files[number]

    def close(self) -> None:
        """Close the file that is written to; every entry is durable already."""
        self.rotate()

    def _writable(self) -> _File:
        if self._current is not None:
            return self._files[self._current]
        path = self._directory / f"{self._next:08d}.wal"
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._current, self._next = self._next, self._next + 1
        self._files[self._current] = _File(path, 0)
        self._write(MAGIC)
        self._files[self._current].size = len(MAGIC)
        sync_directory(self._directory)
        return self._files[self._current]

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._handle, rest) :]
        self._sync(self._handle)
        self.fsyncs += 1

    def _give_up(self) -> None:
        """Cut what a refused write left, and never write to that file again.

        After a refused fsync nobody knows which pages reached the disk, so a later fsync of the
        same file proves nothing.
        """
        if self._current is not None:
            file = self._files[self._current]
            self._untrimmed = (file.path, file.size)
            self.rotate()
            try:
                self._trim()
            except OSError as error:
                log.warning("journal_not_trimmed", file=str(file.path), why=str(error))

    def _trim(self) -> None:
        if self._untrimmed is None:
            return
        path, size = self._untrimmed
        if size > len(MAGIC):
            os.truncate(path, size)
        else:
            path.unlink(missing_ok=True)
            del self._files[int(path.stem)]
        self._untrimmed = None

    def _cut(self, file: _File, data: bytes, offset: int, why: str) -> None:
        self.torn += 1
        aside = file.path.with_suffix(f".{offset}.torn")
        lost = len(data) - offset
        log.error("journal_torn", file=str(file.path), why=why, bytes=lost, aside=str(aside))
        try:
            aside.write_bytes(data[offset:])
            os.truncate(file.path, offset)
            file.size = offset
        except OSError as error:  # nothing is written behind it, so it may stay for now
            log.warning("journal_not_cut", file=str(file.path), why=str(error))


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def dump(value: object) -> bytes:
    """Write JSON; texts that are not valid Unicode survive as well."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def load_labels(written: Sequence[bytes]) -> list[Labels]:
    """Read labels, each of them written by `dump`; all at once is three times as quick."""
    together = b"[%b]" % b",".join(written)
    return [*map(Labels.read, json.loads(together.decode("utf-8", "surrogatepass")))]


def encode(entry: Entry) -> bytes:
    """Write an entry as bytes."""
    series = newcomers.encode(entry.newcomers) if len(entry.newcomers) else b""
    metadata = dump({name: dict(told) for name, told in entry.metadata.items()})
    return b"".join(
        (
            PARTS.pack(len(series), len(entry.numbers), len(metadata)),
            series,
            metadata,
            entry.numbers.astype("<u4").tobytes(),
            entry.times.astype("<i8").tobytes(),
            entry.values.tobytes(),
        )
    )


def decode(payload: bytes, *, json_series: bool = False) -> Entry:
    """Read what `encode` wrote; ValueError, IndexError or struct.error where it is something else.

    json_series: it is of the first layout.
    """
    size, samples, metadata_bytes = PARTS.unpack_from(payload)
    at = PARTS.size + size
    series = payload[PARTS.size : at]
    metadata = json.loads(payload[at : at + metadata_bytes].decode("utf-8", "surrogatepass"))
    at += metadata_bytes
    return Entry(
        newcomers=_of_json(series)
        if json_series
        else newcomers.decode(series)[0]
        if series
        else Newcomers.of(),
        numbers=np.frombuffer(payload, "<u4", samples, at).astype(np.int64),
        times=np.frombuffer(payload, "<i8", samples, at + 4 * samples).astype(np.int64),
        values=np.frombuffer(payload, "<f8", samples, at + 12 * samples).copy(),
        metadata=metadata,
    )


def _of_json(data: bytes) -> Newcomers:
    """Read `[[number, [[name, value], ...], source], ...]`, where the source may be missing."""
    series = json.loads(data.decode("utf-8", "surrogatepass"))
    return Newcomers.of(
        ((number, Labels.read(pairs)) for number, pairs, *_ in series),
        {number: source[0] for number, _, *source in series if source},
    )
