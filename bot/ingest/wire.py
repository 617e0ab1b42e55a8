"""Protobuf's wire format, walked by hand.

A parser that builds every message at once can be made to need a hundred times the body's size, by
a body of a million empty messages. Walking takes one thing apart at a time, so that memory stays
flat whatever comes, and counts; only leaves, which are small, are given to the parser.
"""

from collections.abc import Iterator

from bot.ingest.format import BadPayload, TooLarge

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WIDTHS = {FIXED64: 8, FIXED32: 4}


MOST_FIELDS = 400_000
"""Fields that are walked of one body: four for each of the 100,000 samples that it may hold."""


class Walk:
    """The walk through one body; it ends where the body has more parts than anybody needs."""

    def __init__(self, most: int = MOST_FIELDS) -> None:
        self._most, self._left = most, most

    def fields(self, body: memoryview, where: str) -> Iterator[tuple[int, int | memoryview]]:
        """Yield (field number, value) of each field: a number, or a view of its content.

        where: names the message in errors. Raises BadPayload where it is none, TooLarge.
        """
        at, end = 0, len(body)
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise TooLarge(
                    f"{where}: over {self._most} parts in one request; send less at once"
                )
            key, at = _varint(body, at, where)
            field, wire = key >> 3, key & 7
            if field == 0:
                raise BadPayload(f"{where}: byte {at}: no field has the number 0")
            if wire == VARINT:
                number, at = _varint(body, at, where)
                yield field, number
                continue
            if wire == BYTES:
                length, start = _varint(body, at, where)
            else:
                length, start = WIDTHS.get(wire, -1), at
            if length < 0 or start + length > end:
                raise BadPayload(f"{where}: byte {at}: cut off, or not protobuf")
            at = start + length
            yield field, body[start:at]


def _varint(body: memoryview, at: int, where: str) -> tuple[int, int]:
    """Read a varint at `at`; return it and where the next thing starts."""
    value = shift = 0
    while at < len(body) and shift < 64:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise BadPayload(f"{where}: byte {at}: cut off, or not protobuf")
