"""One sealed segment: a file that is written once and then only read.

    magic | group | group | ... | directory | footer

A group is the samples of some neighbouring series in one frame; the directory says which series
are there, how many samples each has, from when to when, and in which group; the footer says
where the directory stands. Each part carries a checksum.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from storage.model.sample import Ints
from storage.series.frames import (
    HEADER,
    Damaged,
    decode_times,
    decode_values,
    encode_times,
    encode_values,
    open_frame,
    seal_frame,
)
from storage.series.readings import Readings

MAGIC = b"TOCSINS1"
FOOTER = struct.Struct("<QII8s")  # offset and size of the directory, CRC-32 of both, magic
GROUP = 32_768  # samples; a group ends with the series that reaches it


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


def write(path: Path, readings: Readings, numbers: Ints) -> int:
    """Write a segment and make its content durable; return its size in bytes.

    readings: sorted by row, then time; `rows` point into `numbers` (ascending), each one is used.
    Raises OSError, and then no file is left.
    """
    try:
        with path.open("wb") as file:
            file.write(MAGIC)
            _write_parts(file.write, readings, numbers)
            file.flush()
            os.fsync(file.fileno())
            return file.tell()
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _write_parts(put: Callable[[bytes], int], readings: Readings, numbers: Ints) -> None:
    counts = np.bincount(readings.rows, minlength=len(numbers)).astype(np.int64)
    ends = np.cumsum(counts)
    group = (ends - 1) // GROUP
    starts = np.append(np.flatnonzero(np.append(True, group[1:] != group[:-1])), len(numbers))
    offsets, offset = [len(MAGIC)], len(MAGIC)
    for low, high in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        cut = slice(int(ends[low] - counts[low]), int(ends[high - 1]))
        times, values = encode_times(readings.times[cut]), encode_values(readings.values[cut])
        frame = seal_frame(times + values)
        put(frame)
        offset += len(frame)
        offsets.append(offset)
    columns = (numbers, counts, readings.times[ends - counts], readings.times[ends - 1])
    payload = struct.pack("<II", len(numbers), len(starts) - 1) + b"".join(
        encode_times(column) for column in (*columns, starts, np.array(offsets))
    )
    frame = seal_frame(payload)
    put(frame)
    place = struct.pack("<QI", offset, len(frame))
    put(FOOTER.pack(offset, len(frame), zlib.crc32(place), MAGIC))


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


def read(path: Path, directory: Directory, wanted: Ints, after: int, until: int) -> Readings:
    """Return the samples of the series `wanted` (ascending) in (after, until] milliseconds.

    Rows point into `wanted`. Raises Damaged; FileNotFoundError and other OSErrors.
    """
    overlap = (directory.last > after) & (directory.first <= until)
    chosen = np.flatnonzero(overlap & np.isin(directory.numbers, wanted))
    group = np.searchsorted(directory.starts, chosen, side="right") - 1
    parts = []
    for number, readings in _groups(path, directory, np.unique(group)):
        low = int(directory.starts[number])
        here = chosen[group == number] - low
        real = (readings.times > after) & (readings.times <= until) & np.isin(readings.rows, here)
        found = readings.where(real)
        rows = np.searchsorted(wanted, directory.numbers[found.rows + low])
        parts.append(Readings(rows, found.times, found.values))
    return Readings.together(parts)


def _groups(
    path: Path, directory: Directory, groups: npt.NDArray[np.intp]
) -> Iterator[tuple[int, Readings]]:
    with path.open("rb") as file:
        for group in groups.tolist():
            low, high = directory.starts[group : group + 2].tolist()
            begin, end = directory.offsets[group : group + 2].tolist()
            if end - begin < HEADER.size:
                raise Damaged(f"group {group} has no room")
            file.seek(begin)
            payload, _ = open_frame(file.read(end - begin))
            counts = directory.counts[low:high]
            samples = int(counts.sum())
            if len(payload) != 16 * samples + 1:
                raise Damaged(f"group {group} holds {len(payload)} bytes for {samples} samples")
            times = decode_times(payload[: 8 * samples])
            values = decode_values(payload[8 * samples :])
            yield group, Readings(np.repeat(np.arange(high - low), counts), times, values)
