"""Arrays <-> checksummed bytes: what journal and segments write to disk.

A frame is its length, its CRC-32 and a zstd block. Columns are made regular before they are
compressed: times become second differences (all zero for a steady scrape); values of few decimal
places become differences of integers, others the XOR with their predecessor; and then byte planes
are laid behind one another, so that the bytes that hardly change stand together. All of it is
exact, bit by bit.
"""

import struct
import zlib
from enum import IntEnum
from typing import Any

import cramjam
import numpy as np
import numpy.typing as npt

from storage.model.sample import Floats, Ints

HEADER = struct.Struct("<II")  # length of the block, its CRC-32
LARGEST = 1 << 30
EXACT = 2.0**53
DECIMALS = range(7)
"""Decimal places that are tried: down to a millionth."""
TRIED_FIRST = 64
"""Values that tell at once how many places are out of the question."""

Words = npt.NDArray[np.uint64]


class Damaged(Exception):
    """What was read is not what was written."""


class Coding(IntEnum):
    """How a column of values was made regular; written to disk, never renumber."""

    XOR = 0
    INTEGERS = 1  # written by older versions
    DECIMALS = 2  # a byte with the decimal places comes behind


def seal_frame(payload: bytes, level: int = 3) -> bytes:
    """Compress `payload` and put length and checksum before it."""
    block = bytes(cramjam.zstd.compress(payload, level=level))
    return HEADER.pack(len(block), zlib.crc32(block)) + block


def open_frame(data: bytes, offset: int = 0) -> tuple[bytes, int]:
    """Return the payload of the frame at `offset`, and where the next begins. Raises Damaged."""
    start = offset + HEADER.size
    if start > len(data):
        raise Damaged(f"a frame's header is cut off at byte {offset}")
    length, checksum = HEADER.unpack_from(data, offset)
    if not 0 < length <= LARGEST or start + length > len(data):
        raise Damaged(f"a frame of {length} bytes is cut off at byte {offset}")
    block = data[start : start + length]
    if zlib.crc32(block) != checksum:
        raise Damaged(f"wrong checksum at byte {offset}")
    try:
        return bytes(cramjam.zstd.decompress(block)), start + length
    except cramjam.DecompressionError as error:
        raise Damaged(f"cannot be decompressed at byte {offset}: {error}") from error


def encode_times(times: Ints) -> bytes:
    """Write Unix milliseconds as second differences in byte planes."""
    return _planes(_differences(_differences(times.astype(np.int64).view(np.uint64))))


def decode_times(data: bytes) -> Ints:
    """Read what `encode_times` wrote."""
    once = np.cumsum(_words(data), dtype=np.uint64)
    return np.cumsum(once, dtype=np.uint64).view(np.int64)


def encode_values(values: Floats) -> bytes:
    """Write values, every bit of them kept; the first byte is the coding."""
    if len(values) and (found := _as_integers(values)) is not None:
        places, whole = found
        return bytes([Coding.DECIMALS, places]) + _planes(_folded(_differences(whole)))
    bits = values.view(np.uint64).copy()
    bits[1:] ^= values.view(np.uint64)[:-1]
    return bytes([Coding.XOR]) + _planes(bits)


def decode_values(data: bytes) -> Floats:
    """Read what `encode_values` wrote. Raises Damaged where it is of a coding not known here."""
    match data[0]:
        case Coding.XOR:
            return np.bitwise_xor.accumulate(_words(data[1:])).view(np.float64)
        case Coding.INTEGERS:
            return np.cumsum(_words(data[1:]), dtype=np.uint64).view(np.int64).astype(np.float64)
        case Coding.DECIMALS:
            whole = np.cumsum(_unfolded(_words(data[2:])), dtype=np.uint64).view(np.int64)
            values = whole.astype(np.float64)
            return values if not data[1] else values / 10.0 ** data[1]
    raise Damaged(f"values in coding {data[0]}, which this version does not know")


def values_bytes(data: bytes, samples: int) -> int:
    """Return how many bytes so many values have in the coding in which `data` begins."""
    return 8 * samples + (2 if data[:1] == bytes([Coding.DECIMALS]) else 1)


def _as_integers(values: Floats) -> tuple[int, Words] | None:
    """Return decimal places, and the values as integers of the last place.

    None where that would not keep every bit: where there are more places, but also for -0.0
    (which equals 0), NaN, and what is too large.
    """
    for places in DECIMALS:
        if _scaled(values[:TRIED_FIRST], places) is None:
            continue
        if (whole := _scaled(values, places)) is not None:
            return places, whole.view(np.uint64)
    return None


def _scaled(values: Floats, places: int) -> Ints | None:
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.rint(values * 10.0**places)
    if not bool(np.all(np.abs(scaled) <= EXACT)):
        return None
    whole = scaled.astype(np.int64)
    kept = (whole / 10.0**places).view(np.uint64) == values.view(np.uint64)
    return whole if bool(kept.all()) else None


def _folded(differences: Words) -> Words:
    """Lay small numbers of both signs beside zero (0, -1, 1, -2 ...): few bytes of them matter."""
    signed = differences.view(np.int64)
    return ((signed << 1) ^ (signed >> 63)).view(np.uint64)


def _unfolded(folded: Words) -> Words:
    one = np.uint64(1)
    return (folded >> one) ^ (np.uint64(0) - (folded & one))


def _differences(words: Words) -> Words:
    differences = words.copy()
    differences[1:] -= words[:-1]
    return differences


def _planes(words: Words) -> bytes:
    return words.view(np.uint8).reshape(-1, 8).T.tobytes()


def _words(data: bytes) -> Words:
    planes: npt.NDArray[Any] = np.frombuffer(data, dtype=np.uint8).reshape(8, -1)
    words = np.zeros((planes.shape[1], 8), dtype=np.uint8)
    for place, plane in enumerate(planes):
        if plane.any():
            words[:, place] = plane
    return words.view(np.uint64).ravel()
