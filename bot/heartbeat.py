"""The dead-man's switch: an outside address that is called only while everything turns."""

from collections.abc import Callable
from urllib.parse import urlsplit

import aiohttp
import structlog

log = structlog.get_logger(__name__)


class Heartbeat:
    """Calls `url` when asked, unless something stands still.

    troubles: what stands still now, in words (`judging has not succeeded for 2 min`); the call
              is left out while there is any, so that whoever waits for it raises the alarm.
    """

    def __init__(self, url: str, troubles: Callable[[], tuple[str, ...]]) -> None:
        self._url, self._troubles = url, troubles
        self._host = urlsplit(url).hostname or "?"
        self._said: tuple[str, ...] | str = ()

    async def beat(self) -> bool:
        """Call once; return whether the call was made and answered with success."""
        troubles = self._troubles()
        if troubles:
            self._say_once(troubles)
            return False
        try:
            timeout = aiohttp.ClientTimeout(total=10)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self._url, allow_redirects=False) as answer,
            ):
                if answer.status < 300:
                    self._said = ()
                    return True
                reason = f"answered {answer.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            # The address may hold a token in its path: only its host is told.
            reason = type(error).__name__
        self._say_once(f"heartbeat to {self._host} failed: {reason}")
        return False

    def _say_once(self, trouble: tuple[str, ...] | str) -> None:
        if trouble != self._said:
            self._said = trouble
            log.warning("no heartbeat", why=trouble)
