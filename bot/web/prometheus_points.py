"""The numbers of an answer as text, a whole row at once: `[1700000000,"1.5"],[1700000060,"2"]`.

A week of minutes of 100 series is a million points, so no Python object is made for each: orjson
writes a row of floats, what Go writes otherwise is mended, and the moments, which are the same
for all rows, are laid between the numbers by numpy.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import orjson

from storage.model.sample import Bools, Floats
from storage.promql.numbers import in_json

EXACT = 2.0**53
"""Up to here a float that is whole has the digits of the integer."""
PLAIN = 1e-5, 1e15
"""From and below which orjson surely writes no exponent."""
FEW = 64
"""Points that are as quickly written one by one."""
BETWEEN = b'"],['
STAND_IN = 7e300
"""Written instead of the numbers that Go writes otherwise, until these are put there."""


class Moments:
    """The moments of many rows, ready to be written before their values.

    times: Unix seconds.
    """

    def __init__(self, times: Floats) -> None:
        self._openings = _openings(times)
        between = [BETWEEN + opening for opening in self._openings]
        self._size = len(between[0]) if between else 0
        even = len(between) >= FEW and set(map(len, between)) == {self._size}
        # Bytes and not texts, since numpy would cut those at a zero.
        self._between = np.array(between).view(f"V{self._size}") if even else None

    def points(self, numbers: Floats, present: Bools | None = None) -> bytes:
        """Write a row with at least one point; `present` marks the moments that it has.

        numbers: one for each moment; what stands where `present` is False means nothing.
        """
        if present is None or present.all():
            there = None
        else:
            there, numbers = np.flatnonzero(present), numbers[present]
        if self._between is None or len(numbers) < FEW:
            openings: Sequence[bytes] = self._openings
            if there is not None:
                openings = [openings[place] for place in there.tolist()]
            inner = BETWEEN.join(map(bytes.__add__, openings, map(str.encode, texts(numbers))))
            return b"[" + inner + b'"]'
        written, mended = _written(numbers)
        between = self._between if there is None else self._between[there]
        # Each comma makes room for a moment; then the moments are laid into these rooms.
        places = np.flatnonzero(np.frombuffer(written, np.uint8) == ord(","))
        places += np.arange(len(places)) * (self._size - 1)
        laid = bytearray(written.replace(b",", bytes(self._size)))
        rooms = (len(laid) - self._size + 1,)
        np.ndarray(rooms, between.dtype, laid, strides=(1,))[places] = between
        if mended:
            parts = laid.split(orjson.dumps(STAND_IN))
            laid = bytearray().join(chain.from_iterable(zip(parts, [*mended, b""], strict=True)))
        return bytes(memoryview(laid)[len(BETWEEN) - 1 :]) + b'"]'


def _written(numbers: Floats) -> tuple[bytes, list[bytes]]:
    """Write `,1,2.5,3`, and what is to be put in the place of each stand-in."""
    row = np.ascontiguousarray(numbers)
    whole = np.rint(row) == row
    if whole.all() and _exact(row):
        plain = orjson.dumps(row.astype(np.int64), option=orjson.OPT_SERIALIZE_NUMPY)
        return b"," + plain[1:-1], []
    size = np.abs(row)
    odd = ~((size >= PLAIN[0]) & (size < PLAIN[1]) | (size == 0))
    if odd.any():
        row = np.where(odd, STAND_IN, row)
    written = b"," + orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1] + b","
    if whole.any():
        written = written.replace(b".0,", b",")
    return written[:-1], [in_json(value).encode() for value in numbers[odd].tolist()]


def _exact(whole: Floats) -> bool:
    """Say whether whole numbers are the same as integers; -0 is not."""
    return bool(np.abs(whole).max() <= EXACT and not np.signbit(whole[whole == 0]).any())


def texts(values: Floats) -> list[str]:
    """Write each number as Prometheus does: all digits from 1e-6 to 1e21, else an exponent.

    >>> texts(np.array([1.0, 0.5, 1e-7, np.inf, -0.0]))
    ['1', '0.5', '1e-07', '+Inf', '-0']
    """
    if not len(values):
        return []
    row = np.ascontiguousarray(values)
    written = orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].decode()
    found = f"{written},".replace(".0,", ",")[:-1].split(",")
    if "e" in written or "n" in written:
        for place, text in enumerate(found):
            if "e" in text or text == "null":
                found[place] = in_json(float(values[place]))
    return found


def timestamp(time: float) -> str:
    """Write a moment as Prometheus does: Unix seconds, and milliseconds where there are any.

    >>> timestamp(1.7e9), timestamp(1700000000.05)
    ('1700000000', '1700000000.050')
    """
    milliseconds = round(abs(time) * 1000)
    whole, rest = divmod(milliseconds, 1000)
    sign = "-" if time < 0 and milliseconds else ""
    return f"{sign}{whole}.{rest:03d}" if rest else f"{sign}{whole}"


def _openings(times: Floats) -> list[bytes]:
    if np.array_equal(times, np.rint(times)):
        return [b'%d,"' % time for time in times.astype(np.int64).tolist()]
    return [f'{timestamp(time)},"'.encode() for time in times.tolist()]
