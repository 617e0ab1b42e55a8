"""One sealed segment: a file that is written once and then only read.

    magic | group | group | ... | directory | footer

A group is the samples of some neighbouring series in one frame; the directory says which series
are there, how many samples each has, from when to when, and in which group; the footer says
where the directory stands. Each part carries a checksum.
"""

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from storage.model.sample import Floats, Ints
from storage.series.frames import (
    HEADER,
    Damaged,
    decode_times,
    decode_values,
    encode_times,
    encode_values,
    open_frame,
    seal_frame,
    values_bytes,
)
from storage.series.readings import Readings
from storage.series.recent import Recent

MAGIC = b"TOCSINS1"
FOOTER = struct.Struct("<QII8s")  # offset and size of the directory, CRC-32 of both, magic


@dataclass(frozen=True, slots=True)
class Directory:
    """What stands where in a segment; the first four by series, the last two by group.

    first, last: Unix milliseconds.  starts: by group the row of its first series, and the end.
    """

    numbers: Ints
    counts: Ints
    first: Ints
    last: Ints
    starts: Ints
    offsets: Ints


@dataclass(frozen=True, slots=True)
class Part:
    """The samples of some series, which become one group; `rows` point into `numbers`.

    numbers: in any order, each with a sample.  readings: sorted by row, then time.
    """

    numbers: Ints
    readings: Readings


def write(path: Path, parts: Iterable[Part]) -> Directory:
    """Write a segment, make its content durable, and return what it holds.

    parts: no number in two of them; taken one at a time, so that sealing needs the memory of
    one part. Raises OSError, and then no file is left.
    """
    try:
        with path.open("wb") as file:
            file.write(MAGIC)
            directory = _write_parts(file, parts)
            file.flush()
            os.fsync(file.fileno())
            return directory
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _write_parts(file: BinaryIO, parts: Iterable[Part]) -> Directory:
    columns: list[tuple[Ints, Ints, Ints, Ints]] = []
    starts, offsets = [0], [len(MAGIC)]
    for part in parts:
        readings = part.readings
        counts = np.bincount(readings.rows, minlength=len(part.numbers)).astype(np.int64)
        ends = np.cumsum(counts)
        columns.append(
            (part.numbers, counts, readings.times[ends - counts], readings.times[ends - 1])
        )
        file.write(seal_frame(encode_times(readings.times) + encode_values(readings.values)))
        starts.append(starts[-1] + len(counts))
        offsets.append(file.tell())
    numbers, counts, first, last = (np.concatenate(column) for column in zip(*columns, strict=True))
    directory = Directory(numbers, counts, first, last, np.array(starts), np.array(offsets))
    frame = seal_frame(
        struct.pack("<II", len(numbers), len(starts) - 1)
        + b"".join(
            encode_times(column)
            for column in (numbers, counts, first, last, directory.starts, directory.offsets)
        )
    )
    file.write(frame)
    place = struct.pack("<QI", offsets[-1], len(frame))
    file.write(FOOTER.pack(offsets[-1], len(frame), zlib.crc32(place), MAGIC))
    return directory


def read_directory(path: Path) -> Directory:
    """Read what a segment holds. Raises Damaged; FileNotFoundError and other OSErrors."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size < len(MAGIC) + FOOTER.size:
            raise Damaged(f"only {size} bytes long")
        file.seek(size - FOOTER.size)
        offset, length, checksum, magic = FOOTER.unpack(file.read(FOOTER.size))
        if magic != MAGIC or zlib.crc32(struct.pack("<QI", offset, length)) != checksum:
            raise Damaged("the footer is damaged")
        file.seek(offset)
        payload, _ = open_frame(file.read(length))
    series, groups = struct.unpack_from("<II", payload)
    columns, at = [], 8
    for rows in (series, series, series, series, groups + 1, groups + 1):
        columns.append(decode_times(payload[at : at + 8 * rows]))
        at += 8 * rows
    return Directory(*columns)


def read(
    path: Path, directory: Directory, wanted: Ints, after: int, until: int, recent: Recent
) -> Readings:
    """Return the samples of the series `wanted` (ascending) in (after, until] milliseconds.

    Rows point into `wanted`. Raises Damaged; FileNotFoundError and other OSErrors.
    """
    overlap = (directory.last > after) & (directory.first <= until)
    chosen = np.flatnonzero(overlap & np.isin(directory.numbers, wanted))
    row = np.searchsorted(wanted, directory.numbers[chosen])
    inside = (directory.first[chosen] > after) & (directory.last[chosen] <= until)
    group = np.searchsorted(directory.starts, chosen, side="right") - 1
    parts = []
    for number, counts, times, values in _groups(path, directory, np.unique(group), recent):
        here = group == number
        row_of = np.full(len(counts), -1)
        row_of[chosen[here] - directory.starts[number]] = row[here]
        found = Readings(np.repeat(row_of, counts), times, values)
        if not inside[here].all():
            found = found.where((found.rows >= 0) & (times > after) & (times <= until))
        elif np.count_nonzero(here) < len(counts):
            found = found.where(found.rows >= 0)
        parts.append(found)
    return Readings.together(parts)


def _groups(
    path: Path, directory: Directory, groups: npt.NDArray[np.intp], recent: Recent
) -> Iterator[tuple[int, Ints, Ints, Floats]]:
    """Read groups: their numbers, how many samples each series has, and all times and values."""
    with ExitStack() as opened:
        file: BinaryIO | None = None
        for group in groups.tolist():
            low, high = directory.starts[group : group + 2].tolist()
            counts = directory.counts[low:high]
            columns = recent.get(path.name, group)
            if columns is None:
                file = file or opened.enter_context(path.open("rb"))
                columns = _read_group(file, directory, group, int(counts.sum()))
                recent.keep(path.name, group, *columns)
            yield group, counts, *columns


def _read_group(
    file: BinaryIO, directory: Directory, group: int, samples: int
) -> tuple[Ints, Floats]:
    begin, end = directory.offsets[group : group + 2].tolist()
    if end - begin < HEADER.size:
        raise Damaged(f"group {group} has no room")
    file.seek(begin)
    payload, _ = open_frame(file.read(end - begin))
    written = payload[8 * samples :]
    if len(written) != values_bytes(written, samples):
        raise Damaged(f"group {group} holds {len(payload)} bytes for {samples} samples")
    return decode_times(payload[: 8 * samples]), decode_values(written)
