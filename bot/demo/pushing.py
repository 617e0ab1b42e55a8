"""Pushes a program's metrics, and keeps the last minute while nobody takes them."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any

import aiohttp

from storage.clock import Clock

EVERY, KEPT, AGAIN = 1.0, 60, 0.1
"""Seconds between scrapes; scrapes kept for sending again; seconds between tries."""


class Pusher:
    """Scrapes each second and sends in order; what was not answered 2xx is sent again.

    scrape: called with the time (Unix seconds); returns the JSON to send.
    """

    def __init__(
        self, address: str, token: str, scrape: Callable[[float], dict[str, Any]], clock: Clock
    ) -> None:
        self._address, self._scrape, self._clock = address, scrape, clock
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._waiting: deque[bytes] = deque(maxlen=KEPT)
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Scrape and send for ever."""
        await asyncio.gather(self._scrape_on(), self._send_on())

    async def _scrape_on(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            at = round(self._clock.utc_now().timestamp(), 3)
            self._waiting.append(json.dumps(self._scrape(at)).encode())
            self._news.set()
            due = max(due + EVERY, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _send_on(self) -> None:
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                await self._news.wait()
                self._news.clear()
                while self._waiting:
                    first = self._waiting[0]
                    if not await self._sent(session, first):
                        await asyncio.sleep(AGAIN)
                    elif self._waiting and self._waiting[0] is first:
                        self._waiting.popleft()

    async def _sent(self, session: aiohttp.ClientSession, body: bytes) -> bool:
        try:
            async with session.post(self._address, data=body, headers=self._headers) as answer:
                # What is refused for good would be refused again: only "later" is tried later.
                return answer.status < 500 and answer.status != 429
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
