"""What is told the moment a transaction has been committed: who has work, what changed."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from storage.model.incident import IncidentId

MOST_UNREAD = 256


@dataclass(frozen=True, slots=True)
class Change:
    """An incident changed; without one: some changes were missed, read everything again."""

    incident: IncidentId | None

    @property
    def is_resync(self) -> bool:
        """Whether the reader was too slow and must read everything again."""
        return self.incident is None


class Subscription:
    """One reader's queue of changes. A slow reader loses the oldest, and is told so."""

    def __init__(self, most: int) -> None:
        self._queue: asyncio.Queue[IncidentId] = asyncio.Queue(most)
        self._missed = False

    def put(self, incident: IncidentId) -> None:
        """Queue a change; never waits."""
        if self._queue.full():
            self._queue.get_nowait()
            self._missed = True
        self._queue.put_nowait(incident)

    async def next(self) -> Change:
        """Return the next change, waiting for it."""
        incident = await self._queue.get()
        if self._missed:
            self._missed = False
            while not self._queue.empty():
                self._queue.get_nowait()
            return Change(None)
        return Change(incident)

    async def __aiter__(self) -> AsyncIterator[Change]:
        while True:
            yield await self.next()


class Changes:
    """Tells every reader which incidents changed, after the commit."""

    def __init__(self) -> None:
        self._readers: set[Subscription] = set()

    @contextmanager
    def subscribe(self, most: int = MOST_UNREAD) -> Iterator[Subscription]:
        """Hear of changes for as long as the block runs; at most `most` are kept unread."""
        reader = Subscription(most)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def tell(self, incident: IncidentId) -> None:
        """Tell every reader; never waits."""
        for reader in self._readers:
            reader.put(incident)


class Wake:
    """Bells between the flows of one process; what they ring about stands in the database."""

    def __init__(self) -> None:
        self.timers = asyncio.Event()
        self.sender = asyncio.Event()
        self.muting = asyncio.Event()
        self.changed = Changes()

    def committed(self, incidents: Iterable[IncidentId]) -> None:
        """Ring after a commit that decided something about these incidents."""
        self.sender.set()
        self.timers.set()
        for incident in dict.fromkeys(incidents):
            self.changed.tell(incident)
