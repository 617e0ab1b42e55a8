"""Undoing gzip without ever holding more than a limit: a small body may claim to be a huge one."""

import zlib
from collections.abc import Callable

from bot.ingest.format import BadPayload, TooLarge

GZIP = 31  # zlib's word for a gzip header around the largest window


STEP = 1 << 16  # bytes unpacked at a time, so that little is held twice


def gunzip(body: bytes, limit: int, watch: Callable[[bytes], object] = lambda _: None) -> bytes:
    """Return what `body` unpacks to; raises TooLarge over `limit` bytes, BadPayload.

    watch: is shown each part as it comes, and may raise TooLarge as well.
    """
    unpacked, is_first = bytearray(), True
    while body or is_first:
        is_first, member = False, zlib.decompressobj(wbits=GZIP)
        while not member.eof:
            try:
                part = member.decompress(body, STEP)
            except zlib.error as error:
                raise BadPayload(f"not gzip: {error}") from error
            watch(part)
            unpacked += part
            if len(unpacked) > limit:
                raise TooLarge(f"the body unpacks to more than {limit} bytes; so many are taken")
            body = member.unconsumed_tail
            if not part and not body and not member.eof:
                raise BadPayload("not gzip: cut off")
        body = member.unused_data
    return bytes(unpacked)
