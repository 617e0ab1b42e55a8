"""The ingest port: bytes of one format -> a batch of samples, all or nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from storage.errors import BotError
from storage.model.sample import Batch


class BadPayload(BotError):
    """The body cannot be read; nothing of it was stored. Says which entry and why. HTTP 400."""


class TooLarge(BadPayload):
    """The body, or what it unpacks to, is over the limit. HTTP 413."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestFormat:
    """What a format's file exports.

    path:        the route it is mounted at.
    media_types: content types it takes; anything else is answered 415.
    encoding:    the Content-Encoding it must come with; empty: none at all.
    decode:      pure; `limit` is the most bytes the body may unpack to. Raises BadPayload.
    """

    name: str
    path: str
    media_types: tuple[str, ...]
    decode: Callable[[bytes, int], Batch]
    encoding: str = ""
