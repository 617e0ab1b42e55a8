"""Arrays <-> checksummed bytes: what journal and segments write to disk.

A frame is its length, its CRC-32 and a zstd block. Columns are made regular before they are
compressed: times become second differences (all zero for a steady scrape), values become either
differences of integers or the XOR with their predecessor, and then byte planes are laid behind
one another, so that the bytes that hardly change stand together. All of it is exact, bit by bit.
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

Words = npt.NDArray[np.uint64]


class Damaged(Exception):
    """What was read is not what was written."""


class Coding(IntEnum):
    """How a column of values was made regular; written to disk, never renumber."""

    XOR = 0
    INTEGERS = 1


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
    if len(values) and _all_integers(values):
        whole = values.astype(np.int64).view(np.uint64)
        return bytes([Coding.INTEGERS]) + _planes(_differences(whole))
    bits = values.view(np.uint64).copy()
    bits[1:] ^= values.view(np.uint64)[:-1]
    return bytes([Coding.XOR]) + _planes(bits)


def decode_values(data: bytes) -> Floats:
    """Read what `encode_values` wrote."""
    words = _words(data[1:])
    if data[0] == Coding.INTEGERS:
        return np.cumsum(words, dtype=np.uint64).view(np.int64).astype(np.float64)
    return np.bitwise_xor.accumulate(words).view(np.float64)


def _all_integers(values: Floats) -> bool:
    """Say whether int64 keeps every bit (so -0.0, which equals 0, does not count)."""
    if not bool(np.all(np.abs(values) <= EXACT)):
        return False
    return bool(np.array_equal(values.astype(np.int64).astype(np.float64).view(np.uint64),
                               values.view(np.uint64)))  # fmt: skip


def _differences(words: Words) -> Words:
    differences = words.copy()
    differences[1:] -= words[:-1]
    return differences


def _planes(words: Words) -> bytes:
    return words.view(np.uint8).reshape(-1, 8).T.tobytes()


def _words(data: bytes) -> Words:
    planes: npt.NDArray[Any] = np.frombuffer(data, dtype=np.uint8).reshape(8, -1)
    return np.ascontiguousarray(planes.T).view(np.uint64).ravel()
