"""Series of remote write known by their bytes: the quick way through a request.

A sender writes the labels of a series in the same bytes each time. So a request is cut into its
series by hand, and what stands before a series' sample is looked up as it is; of a series that was
never seen the labels are cut apart by hand as well. The samples behind, 18 bytes each, are read all
at once by numpy. What is written in any other way is left to the slow walk.

On the wire a series is `0a <length> <labels> 12 10 09 <8 bytes: value> 10 <6 bytes: time>`; a
value of zero is left out, and then the sample is `12 07 10 <6 bytes: time>`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

import numpy as np

from storage.model.labels import Labels
from storage.model.sample import Columns

LABEL, SERIES = 0x0A, 0x0A
SAMPLE, SAMPLE_OF_ZERO = 18, 9
"""Bytes of a sample, its own tag and length among them."""
HEAD = b"\x12\x10\x09"
ZERO_HEAD, ZERO_AS_WRITTEN_OUT = b"\x12\x07\x10", HEAD + bytes(8) + b"\x10"
TAIL = Struct("<3sd7s")
EARLIEST, LATEST = 1 << 35, 1 << 42
"""Milliseconds whose varint has six bytes: from 1971 to 2109."""
MOST_KNOWN, LONGEST_KNOWN = 150_000, 1_024
"""Series, and bytes of one, that are remembered; twice as many for a while."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A series that was taken apart: its samples as (milliseconds, value)."""

    labels: Labels
    samples: tuple[tuple[int, float], ...]
    histograms: int


class KnownSeries:
    """Labels by the bytes that say them. What was not seen for long is forgotten.

    Old and young take turns: what is asked for becomes young, and once there are enough young
    ones, the old are dropped.
    """

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._young: dict[bytes, Labels] = {}
        self._old: dict[bytes, Labels] = {}

    def get(self, named_by: bytes) -> Labels | None:
        """Return the labels said by these bytes, if they were seen before."""
        labels = self._young.get(named_by)
        if labels is None and (labels := self._old.get(named_by)) is not None:
            self.learn(named_by, labels)
        return labels

    def learn(self, named_by: bytes, labels: Labels) -> None:
        """Remember what these bytes say."""
        if len(named_by) > LONGEST_KNOWN:
            return
        if len(self._young) >= self._most:
            self._young, self._old = {}, self._young
        self._young[named_by] = labels


@dataclass(frozen=True, slots=True)
class Readers:
    """How series that are not known are read; each gets bytes and the series' position.

    labels:     reads labels alone and makes them known; None where that is not what it was given.
    take_apart: reads a whole series in any form.  What they raise goes up.
    """

    labels: Callable[[bytes, int], Labels | None]
    take_apart: Callable[[bytes, int], Taken]


def read_known(
    body: bytes, known: KnownSeries, readers: Readers, most: int
) -> tuple[Columns, int] | None:
    """Read a request; return its samples and how many native histograms were passed over.

    None where it holds anything else than series of plain samples, or is not well formed.
    """
    labels: list[Labels] = []
    tails: list[bytes] = []
    at = position = histograms = 0
    end, get = len(body), known.get
    while at < end:
        start, stop = _content(body, at)
        if not start or stop > end:
            return None
        at, cut, cut_of_zero = stop, stop - SAMPLE, stop - SAMPLE_OF_ZERO
        if cut > start and (series := get(body[start:cut])) is not None:
            labels.append(series)
            tails.append(body[cut:stop])
        elif cut_of_zero > start and (series := get(body[start:cut_of_zero])) is not None:
            if not body.startswith(ZERO_HEAD, cut_of_zero):
                return None
            labels.append(series)
            tails.append(ZERO_AS_WRITTEN_OUT + body[stop - 6 : stop])
        elif (
            body.startswith(HEAD, cut)
            and cut > start
            and (series := readers.labels(body[start:cut], position))
        ):
            labels.append(series)
            tails.append(body[cut:stop])
        elif (
            body.startswith(ZERO_HEAD, cut_of_zero)
            and cut_of_zero > start
            and (series := readers.labels(body[start:cut_of_zero], position))
        ):
            labels.append(series)
            tails.append(ZERO_AS_WRITTEN_OUT + body[stop - 6 : stop])
        else:
            taken = readers.take_apart(body[start:stop], position)
            histograms += taken.histograms
            for time, value in taken.samples:
                if not EARLIEST <= time < LATEST:
                    return None
                labels.append(taken.labels)
                tails.append(TAIL.pack(HEAD, value, b"\x10" + _six_bytes(time)))
        position += 1
        if len(labels) > most or position > most:
            return None
    columns = _columns(labels, b"".join(tails))
    return None if columns is None else (columns, histograms)


def _content(body: bytes, at: int) -> tuple[int, int]:
    """Return where the content of the series at `at` starts and stops; zeros: there is none."""
    try:
        if body[at] != SERIES:
            return 0, 0
        size, more = body[at + 1], body[at + 2]
    except IndexError:
        return 0, 0
    if size < 0x80:
        return at + 2, at + 2 + size
    if more < 0x80:
        return at + 3, at + 3 + size - 0x80 + (more << 7)
    return 0, 0


def _columns(labels: list[Labels], tails: bytes) -> Columns | None:
    """Read all samples; None where one is not of the form that was expected."""
    bytes_of = np.frombuffer(tails, dtype=np.uint8).reshape(-1, SAMPLE)
    heads = bytes_of[:, [0, 1, 2, 11]] == (0x12, 0x10, 0x09, 0x10)
    times = bytes_of[:, 12:].astype(np.int64)
    if not heads.all() or (times[:, :5] < 0x80).any() or (times[:, 5] >= 0x80).any():
        return None
    stamps = ((times & 0x7F) << np.arange(0, 42, 7)).sum(axis=1)
    values = np.ascontiguousarray(bytes_of[:, 3:11]).view("<f8").ravel()
    return Columns(labels, stamps / 1000, values.astype(np.float64, copy=False))


def _six_bytes(time: int) -> bytes:
    return bytes([*(time >> shift & 0x7F | 0x80 for shift in range(0, 35, 7)), time >> 35])


def cut_labels(content: bytes) -> list[bytes] | None:
    """Cut labels apart; None where there is anything else, or a label of over 16 KiB."""
    found: list[bytes] = []
    at, end = 0, len(content)
    while at < end - 1 and content[at] == LABEL:
        size, at = content[at + 1], at + 2
        if size >= 0x80:
            if at >= end or content[at] >= 0x80:
                return None
            size, at = size - 0x80 + (content[at] << 7), at + 1
        found.append(content[at : at + size])
        at += size
    return found if at == end else None


def bytes_of_labels(content: bytes) -> tuple[bytes, int]:
    """Return the labels that a series begins with, as they are written, and how many they are.

    The content was parsed before and is well formed.
    """
    at = count = 0
    while at < len(content) and content[at] == LABEL:
        size = shift = 0
        at += 1
        while content[at] >= 0x80:
            size |= (content[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
        at += 1 + (size | content[at] << shift)
        count += 1
    return content[:at], count
