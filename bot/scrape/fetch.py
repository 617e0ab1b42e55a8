"""One HTTP request to a target: bounded in time and bytes, never led elsewhere."""

import asyncio
import ssl
from base64 import b64encode
from dataclasses import dataclass

import aiohttp
from yarl import URL

from bot.config.scrape import ScrapeSection
from bot.ingest.format import BadPayload, TooLarge
from bot.ingest.gzipped import gunzip
from storage.errors import BotError

ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
REDIRECTS = (301, 302, 303, 307, 308)
MOST_HOPS = 3


class Unreachable(BotError):
    """A target did not answer as it should; says how."""


class TooMuch(Unreachable):
    """A target's answer has more bytes than its job allows."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a target answered. body: unpacked.  kind: its content type."""

    body: bytes
    kind: str


class Fetcher:
    """Asks the targets of one job. Open it inside the running loop, `close` it at the end."""

    def __init__(self, job: ScrapeSection) -> None:
        self._limit, self._seconds = job.body_limit, job.timeout.total_seconds()
        headers = {
            "Accept": ACCEPT,
            "Accept-Encoding": "gzip",
            "User-Agent": "Tocsin",
            "X-Prometheus-Scrape-Timeout-Seconds": f"{self._seconds:g}",
        }
        if job.bearer is not None:
            headers["Authorization"] = f"Bearer {job.bearer.reveal()}"
        if job.basic is not None:
            pair = f"{job.basic.user}:{job.basic.password.reveal()}".encode()
            headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
        context = ssl.create_default_context(cafile=str(job.ca_file)) if job.ca_file else True
        self._session = aiohttp.ClientSession(
            headers=headers,
            auto_decompress=False,
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            timeout=aiohttp.ClientTimeout(total=self._seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()

    async def fetch(self, url: str) -> Page:
        """Ask a target; raises Unreachable, TooMuch."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._follow(URL(url))
        except TimeoutError as error:
            raise Unreachable(f"no answer within {self._seconds:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(str(error) or type(error).__name__) from error

    async def _follow(self, url: URL) -> Page:
        """Ask, and go where the target points as long as that is the same server."""
        for _ in range(MOST_HOPS + 1):
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status not in REDIRECTS:
                    return await self._page(response)
                place = url.join(URL(response.headers.get("Location", "")))
                if place.origin() != url.origin():
                    raise Unreachable(f"it points to {place.origin()}, which is not followed")
                url = place
        raise Unreachable(f"it points on and on, over {MOST_HOPS} times")

    async def _page(self, response: aiohttp.ClientResponse) -> Page:
        if response.status != 200:
            raise Unreachable(f"it answers {response.status}")
        parts, size = list[bytes](), 0
        async for part in response.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > self._limit:
                raise TooMuch(f"its answer has over {self._limit} bytes; see body_limit")
        body = b"".join(parts)
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding == "gzip":
            try:
                body = gunzip(body, self._limit)
            except TooLarge as error:
                raise TooMuch(f"its answer: {error}; see body_limit") from error
            except BadPayload as error:
                raise Unreachable(f"its answer: {error}") from error
        elif encoding not in ("", "identity"):
            raise Unreachable(f"its answer is packed as {encoding[:40]!r}; expected gzip or none")
        return Page(body, response.headers.get("Content-Type", ""))
