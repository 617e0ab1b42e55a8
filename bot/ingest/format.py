"""The ingest port: bytes of one format -> a batch of samples, all or nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from storage.errors import BotError
from storage.model.sample import Batch

Decode = Callable[[bytes, int], Batch]
"""(body, limit) -> Batch: pure; `limit` is the most bytes that the body may be or unpack to.
Raises BadPayload."""


class BadPayload(BotError):
    """The body cannot be read; nothing of it was stored. Says which entry and why. HTTP 400."""


class TooLarge(BadPayload):
    """The body, or what it unpacks to, is over the limit. HTTP 413."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """How a format words its answers, where the protocol says more than a status.

    Both return the body, in the content type (first argument) that the request came in.
    taken: (content type, samples refused, why) of a body that was taken, in part perhaps.
    fault: (content type, HTTP status, why) of a body that was not.
    """

    taken: Callable[[str, int, str], bytes]
    fault: Callable[[str, int, str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestFormat:
    """What a format's file exports.

    path:      the route it is mounted at.
    readers:   content type -> what reads it; any other is answered 415.
    encodings: the Content-Encodings it takes; an empty text: none at all. `gzip` is undone, within
               the limit, before the reader gets the body; any other is the reader's own business.
    answers:   None: 204 where all was stored, else JSON.
    """

    name: str
    path: str
    readers: Mapping[str, Decode]
    encodings: tuple[str, ...] = ("",)
    answers: Answers | None = None
