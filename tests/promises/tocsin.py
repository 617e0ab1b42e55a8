"""Tocsin as a stranger meets it: a process with a configuration, an address, a log, a database.

tocsin = Tocsin(directory, town(twilio), rules, session)
await tocsin.start()
await tocsin.send([sample("level", 95, instance="a")])
tocsin.kill()
"""

import asyncio
import json
import re
import signal
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from tests.databases import lay_out

ROOT = Path(__file__).parents[2]
SERVING = re.compile(r"serving\s+.*?address=(http://\S+)")
STARTING, STOPPING = 30.0, 30.0

Json = dict[str, Any]
T = TypeVar("T")


class Tocsin:
    """One installation: it is started, killed and started again in the same directory.

    from_nothing: it makes its database itself, instead of finding one that holds nothing yet.
    url:  where it listens since the last start.
    exit: what the last process ended with; None while it runs.
    """

    def __init__(
        self,
        directory: Path,
        config: Json,
        rules: Json,
        session: aiohttp.ClientSession,
        *,
        program: tuple[str, ...] = ("-m", "bot"),
        environ: Mapping[str, str] | None = None,
        from_nothing: bool = False,
    ) -> None:
        self.directory, self.url = directory, ""
        self.exit: int | None = None
        self._session, self._program, self._environ = session, program, dict(environ or {})
        self._from_nothing = from_nothing
        self._process: asyncio.subprocess.Process | None = None
        self._log = directory / "tocsin.log"
        directory.mkdir(parents=True, exist_ok=True)
        # JSON is YAML as well.
        (directory / "config.yaml").write_text(json.dumps(config, indent=1))
        (directory / "rules.yaml").write_text(json.dumps(rules, indent=1))

    @property
    def log(self) -> str:
        """All that it ever wrote to standard output and standard error."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def database(self) -> Path:
        """The SQLite file of its incidents."""
        return self.directory / "data" / "tocsin.db"

    # its life

    async def start(self, *, ready: bool = True) -> float:
        """Start, and wait until it is ready; return the seconds that took."""
        if not (self._from_nothing or self.database.exists()):
            self.database.parent.mkdir(exist_ok=True)
            await lay_out(self.database)
        began, offset = time.monotonic(), len(self.log)
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._program,
                "serve",
                "--config",
                str(self.directory / "config.yaml"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1", **self._environ},
            )
        self.exit = None
        found = await self.until(lambda: self._address(offset), STARTING)
        self.url = found.group(1)
        if ready:
            await self.until(self.is_ready, STARTING)
        return time.monotonic() - began

    def _address(self, offset: int) -> re.Match[str] | None:
        said = self.log[offset:]
        if self._process is not None and self._process.returncode is not None:
            raise AssertionError(f"it ended with {self._process.returncode}:\n{said[-4000:]}")
        return SERVING.search(said)

    async def is_ready(self) -> bool:
        """Whether /-/ready answers 200."""
        return (await self.get("/-/ready"))[0] == 200

    async def kill(self) -> None:
        """End it with SIGKILL."""
        await self._end(signal.SIGKILL, STOPPING)

    async def stop(self, within: float = STOPPING) -> int:
        """Ask it to end with SIGTERM; return its exit code."""
        return await self._end(signal.SIGTERM, within)

    def signal(self, number: int) -> None:
        """Send a signal and do not wait."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self, within: float) -> int:
        """Wait for its end; return its exit code."""
        assert self._process is not None
        self.exit = await asyncio.wait_for(self._process.wait(), within)
        return self.exit

    async def _end(self, number: int, within: float) -> int:
        if self._process is None or self._process.returncode is not None:
            return -1 if self._process is None else int(self._process.returncode or 0)
        self._process.send_signal(number)
        return await self.ended(within)

    # over HTTP

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Get a path; status 0 where nobody answers."""
        try:
            async with self._session.get(self.url + path, headers=headers) as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return 0, ""

    async def send(self, samples: Iterable[Json], token: str = "edge-token-0123456789") -> int:
        """Send samples as JSON; return the status, 0 where no answer came."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with self._session.post(
                f"{self.url}/ingest/json", json=list(samples), headers=headers
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def say(self, text: str, who: str = "ada") -> Json | None:
        """Say a sentence as a person; None where no answer came."""
        headers = {"Authorization": f"Bearer {token_of(who)}"}
        try:
            async with self._session.post(
                f"{self.url}/api/v1/command", json={"text": text}, headers=headers
            ) as answer:
                said: Json = await answer.json()
                return said | {"status": answer.status}
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def clock(self, who: str = "ada") -> float:
        """Return its wall clock, Unix seconds; a test may let its time run at another pace."""
        token = {"Authorization": f"Bearer {token_of(who)}"}
        status, text = await self.get("/api/v1/query?query=time()", **token)
        assert status == 200, text
        return float(json.loads(text)["data"]["result"][1])

    # in its database

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Read from its database as it stands, whether it runs or not."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as reader:
            reader.row_factory = sqlite3.Row
            return reader.execute(query, values).fetchall()

    def count(self, query: str, *values: object) -> int:
        """Read one number from its database."""
        return int(self.rows(query, *values)[0][0])

    async def until(
        self, condition: Callable[[], T | Awaitable[T]], within: float, pause: float = 0.05
    ) -> T:
        """Wait until `condition` says something true, and return that."""
        end = time.monotonic() + within
        while True:
            said = condition()
            found: Any = await said if isinstance(said, Awaitable) else said
            if found:
                return found  # type: ignore[no-any-return]
            assert time.monotonic() < end, f"not within {within:g} s"
            await asyncio.sleep(pause)


def token_of(person: str) -> str:
    """Return the API token of a person."""
    return f"{person}-token-0123456789"


def sample(name: str, value: float, at: float | None = None, **labels: str) -> Json:
    """Write a sample as JSON; now unless said otherwise."""
    return {
        "name": name,
        "labels": labels,
        "time": time.time() if at is None else at,
        "value": value,
    }
