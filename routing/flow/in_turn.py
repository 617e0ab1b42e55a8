"""What is told of one thing is taken in the order in which it came; of others at the same time."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary


class InTurn:
    """Locks by name, each for as long as somebody wants it."""

    def __init__(self) -> None:
        self._locks = WeakValueDictionary[str, asyncio.Lock]()

    @asynccontextmanager
    async def of(self, names: Collection[str]) -> AsyncIterator[None]:
        """Wait for those who came before with any of these names, and keep others waiting."""
        async with AsyncExitStack() as held:
            for name in sorted(set(names)):  # in one order, so that no two wait for each other
                lock = self._locks.setdefault(name, asyncio.Lock())
                await held.enter_async_context(lock)
            yield
