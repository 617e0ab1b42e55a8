"""Reading JSON from strangers: counted before it is read, for it takes many times its size then.

A body of 15 MiB, a few KB on the wire, may hold five million empty lists: half a gigabyte, and
more for whoever words what is wrong with each.
"""

import json
from contextlib import suppress
from typing import Any

import orjson

from bot.ingest.format import BadPayload, TooLarge

MOST_VALUES = 200_000
"""Of one body. An alert takes about thirty, so that some six thousand fit; a sample takes ten."""
MOST_OF_SAMPLES = 500_000
"""Of a body of samples: some fifty thousand of them."""


class Values:
    """Counts the values of a body, also while it is being unpacked."""

    def __init__(self, most: int = MOST_VALUES) -> None:
        self._most, self._count = most, 0

    def add(self, part: bytes) -> None:
        """Look at more of the body; raises TooLarge as soon as there are too many."""
        self._count += sum(part.count(mark) for mark in (b"{", b"[", b","))
        if self._count > self._most:
            raise TooLarge(f"the body holds over {self._most} values; so many are taken as JSON")


def read_json(body: bytes, most: int = MOST_VALUES) -> Any:
    """Return what a body holds; raises TooLarge where that is over `most` values, BadPayload."""
    Values(most).add(body)
    with suppress(
        ValueError
    ):  # what is no Unicode in one text is read slowly: its entry is refused
        return orjson.loads(body)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadPayload(f"not JSON: {error}") from error
