"""`tocsin demo`: a supervisor over two processes, the shop and the engine."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from bot.demo.slack import has_twilio, slack_environment
from storage.clock import Clock, SystemClock
from storage.errors import ConfigError

HERE = Path(__file__).parent
PORT = 9099
QUICK, GIVE_UP_AFTER = 5.0, 5
"""A process that lives shorter (seconds) dies quickly; so many quick deaths in a row: give up."""
GRACE = 12.0
START_PATIENCE = 60.0


def run(
    *,
    port: int = 0,
    slack: bool = False,
    keep: bool = False,
    directory: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Run the demo until Ctrl-C or SIGTERM; return the exit code.

    port: where the page is; 0: 9099, or any free port where that is taken.
    directory: where everything is kept, and its configuration edited between two runs; None: a
               fresh one, removed at the end unless `keep`.
    Raises ConfigError where `slack` is wanted and its tokens do not work.
    """
    given = dict(os.environ if environ is None else environ)
    more = asyncio.run(slack_environment(given)) if slack else {}
    place = directory or Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
    try:
        place.mkdir(parents=True, exist_ok=True)
        _furnish(place, _config(slack, given))
        demo = Supervisor(place, _free_port(port), {**given, **more}, SystemClock())
        return asyncio.run(demo.run())
    finally:
        if directory is None and not keep:
            shutil.rmtree(place, ignore_errors=True)


def _config(slack: bool, environ: Mapping[str, str]) -> str:
    """Choose the configuration: all simulated, Slack, or Slack with SMS to a real phone."""
    if not slack:
        return "config.yaml"
    return "slack_sms.yaml" if has_twilio(environ) else "slack.yaml"


def _furnish(place: Path, config: str) -> None:
    """Put configuration and rules there; what somebody edited stays as it is."""
    for name, original in (("config.yaml", config), ("rules.yaml", "rules.yaml")):
        if not (place / name).exists():
            (place / name).write_text((HERE / original).read_text())


def _free_port(wanted: int) -> int:
    """Return `wanted`; 0: the usual port, or any free one. The engine comes back to the same."""
    for port in (wanted,) if wanted else (PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise ConfigError(f"port {wanted} is taken; choose another with --port")


class Supervisor:
    """Starts shop and engine, and starts again what dies."""

    def __init__(self, place: Path, port: int, environ: Mapping[str, str], clock: Clock) -> None:
        self._place, self._port, self._clock = place, port, clock
        self.address = f"http://127.0.0.1:{port}"
        self._environ = {
            **environ,
            "TOCSIN_DEMO_DIRECTORY": str(place),
            "TOCSIN_DEMO_PARENT": str(os.getpid()),
            "TOCSIN_DEMO_PORT": str(port),
            "TOCSIN_DEMO_TOKEN": secrets.token_urlsafe(24),
            "TOCSIN_DEMO_INGEST_TOKEN": secrets.token_urlsafe(24),
            "PYTHONUNBUFFERED": "1",
        }
        # Where the engine listens and what it stores is the demo's own business.
        for name in ("PORT", "DATABASE_URL"):
            self._environ.pop(name, None)
        self._stopping = asyncio.Event()
        self._deaths: list[dict[str, float]] = []
        self._failed = ""
        self._returning: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Keep both alive until a signal; return the exit code."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self._stopping.set)
        _write(self._place / "supervisor.json", {"deaths": []})
        engine = [sys.executable, "-m", "bot", "serve", "--config", "config.yaml"]
        shop = [sys.executable, "-m", "bot.demo.shop", "shop.json", f"{self.address}/ingest/json"]
        keepers = [
            asyncio.create_task(self._keep("engine", engine)),
            asyncio.create_task(self._keep("shop", shop)),
            asyncio.create_task(self._greet()),
        ]
        await self._stopping.wait()
        await asyncio.gather(*keepers, *self._returning)
        if self._failed:
            print(self._failed, file=sys.stderr)
        return 1 if self._failed else 0

    async def _keep(self, name: str, command: Sequence[str]) -> None:
        """Run a process; start it again when it dies: at once, then ever later."""
        quick = 0
        while not self._stopping.is_set():
            began = self._clock.steady()
            process = await self._start(name, command)
            code = await self._until_dead_or_stopping(process)
            if self._stopping.is_set():
                break
            # Who is killed did not fail by itself: the button may be pressed again and again.
            failed = code >= 0 and self._clock.steady() - began < QUICK
            quick = quick + 1 if failed else 0
            if name == "engine":
                self._died()
            if quick >= GIVE_UP_AFTER:
                self._give_up(name)
                break
            await self._pause(0.0 if quick <= 1 else 0.25 * 2**quick)

    async def _start(self, name: str, command: Sequence[str]) -> asyncio.subprocess.Process:
        log = os.open(self._place / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *command,
                cwd=self._place,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal reaches us alone; we end the others in order.
                start_new_session=True,
            )
        finally:
            os.close(log)

    async def _until_dead_or_stopping(self, process: asyncio.subprocess.Process) -> int:
        """Return the process's exit code; when we are to stop, stop it: first kindly."""
        dead = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((dead, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(asyncio.shield(dead), GRACE)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()
        return await dead

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _died(self) -> None:
        """Note the engine's death where the next engine finds it, and see when it is back."""
        death = {"died_at": self._clock.utc_now().timestamp(), "back_at": 0.0}
        self._deaths.append(death)
        self._note()
        returning = asyncio.create_task(self._see_back(death))
        self._returning.add(returning)
        returning.add_done_callback(self._returning.discard)

    async def _see_back(self, death: dict[str, float]) -> None:
        if await self._is_ready():
            death["back_at"] = self._clock.utc_now().timestamp()
            self._note()

    def _note(self) -> None:
        _write(self._place / "supervisor.json", {"deaths": self._deaths})

    def _give_up(self, name: str) -> None:
        with suppress(OSError):
            lines = (self._place / f"{name}.log").read_text(errors="replace").splitlines()
            tail = "\n".join(lines[-12:])
            self._failed = f"The {name} does not stay up. The end of its log:\n{tail}"
        self._stopping.set()

    async def _greet(self) -> None:
        """Print the address, once there is something to see."""
        if await self._is_ready():
            print(f"Tocsin's demo is at {self.address}\nCtrl-C ends it.", flush=True)

    async def _is_ready(self) -> bool:
        """Wait until the engine answers that it is ready; False when we stop before."""
        deadline = self._clock.steady() + START_PATIENCE
        timeout = aiohttp.ClientTimeout(total=1)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while not self._stopping.is_set() and self._clock.steady() < deadline:
                with suppress(aiohttp.ClientError, TimeoutError, OSError):
                    async with session.get(f"{self.address}/-/ready") as answer:
                        if answer.status == 200:
                            return True
                await self._pause(0.05)
        return False


def _write(path: Path, value: Any) -> None:
    """Write whole or not at all: the engine may read at any moment."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(value))
    beside.replace(path)
