"""How a loop outlives trouble: it says so once a minute, rests, and goes on."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from storage.clock import Clock, Steady
from storage.errors import StaleIncident, StorageUnavailable

log = structlog.get_logger()

REST = 1.0
QUIET = 60.0


class Outlive:
    """Runs one round of a loop after another, whatever happens in them."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name, self._clock = name, clock
        self._said: dict[str, Steady] = {}

    async def __call__(self, once: Callable[[], Awaitable[int]]) -> int:
        """Run one round and return what it returns; after trouble rest a second and return 0."""
        try:
            return await once()
        except (StorageUnavailable, StaleIncident) as error:
            if self._is_news(str(error)):
                log.warning("loop waits", loop=self._name, reason=str(error))
        except Exception as error:
            if self._is_news(repr(error)):
                log.exception("loop stumbled", loop=self._name)
        await asyncio.sleep(REST)
        return 0

    def _is_news(self, what: str) -> bool:
        now = self._clock.steady()
        self._said = {word: at for word, at in self._said.items() if now - at < QUIET}
        if what in self._said:
            return False
        self._said[what] = now
        return True
