"""Undoing gzip without ever holding more than a limit: a small body may claim to be a huge one."""

import zlib

from bot.ingest.format import BadPayload, TooLarge

GZIP = 31  # zlib's word for a gzip header around the largest window


def gunzip(body: bytes, limit: int) -> bytes:
    """Return what `body` unpacks to; raises TooLarge over `limit` bytes, BadPayload."""
    unpacked = bytearray()
    while body or not unpacked:
        member = zlib.decompressobj(wbits=GZIP)
        try:
            unpacked += member.decompress(body, limit - len(unpacked) + 1)
        except zlib.error as error:
            raise BadPayload(f"not gzip: {error}") from error
        if len(unpacked) > limit:
            raise TooLarge(f"the body unpacks to more than {limit} bytes; so many are taken")
        if not member.eof:
            raise BadPayload("not gzip: cut off")
        body = member.unused_data
        if not body:
            break
    return bytes(unpacked)
