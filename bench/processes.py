"""Programs under measurement: started on loopback, watched, ended with the block."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

PATIENCE = 30.0
SETTINGS_FROM_OUTSIDE = frozenset({"PORT", "DATABASE_URL", "TOCSIN_CONFIG"})
"""What the environment could change in the programs, and must not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One running program.

    address:  `http://127.0.0.1:port`.
    ready_in: seconds from the start of the process to the first 200 of its readiness page.
    log:      what it wrote to both its outputs.
    """

    name: str
    pid: int
    address: str
    ready_in: float
    log: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What a program and its children take. rss, pss: MiB; cpu: seconds since its start."""

    rss: float
    pss: float
    cpu: float


@asynccontextmanager
async def running(
    name: str, command: Sequence[str], folder: Path, port: int, *, at: Path | None = None
) -> AsyncIterator[Program]:
    """Run a program in `folder` until the block ends; it is handed over when it says it is ready.

    at: where it runs, unless in `folder`, which holds its log.
    Raises RuntimeError with the end of its log where it is not ready within half a minute.
    """
    environ = {k: v for k, v in os.environ.items() if k not in SETTINGS_FROM_OUTSIDE}
    log = folder / f"{name}.log"
    with log.open("wb") as outputs:
        began = time.monotonic()
        child = await asyncio.create_subprocess_exec(
            *command, cwd=at or folder, env=environ, stdout=outputs, stderr=outputs
        )
    try:
        address = f"http://127.0.0.1:{port}"
        ready_in = await _ready(child, f"{address}/-/ready", log) - began
        yield Program(name=name, pid=child.pid, address=address, ready_in=ready_in, log=log)
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


async def _ready(child: asyncio.subprocess.Process, url: str, log: Path) -> float:
    deadline = time.monotonic() + PATIENCE
    async with aiohttp.ClientSession() as session:
        while child.returncode is None and time.monotonic() < deadline:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return time.monotonic()
            except aiohttp.ClientError:
                pass  # it does not listen yet
            await asyncio.sleep(0.01)
    end = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise RuntimeError(f"{log.stem} did not become ready; the end of its log:\n{end}")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def weigh(pid: int) -> Weight:
    """Weigh a process and everything it started; Linux only."""
    root = psutil.Process(pid)
    family = [root, *root.children(recursive=True)]
    rollups = [_rollup(process.pid) for process in family]
    return Weight(
        rss=sum(one["Rss"] for one in rollups) / 1024,
        pss=sum(one["Pss"] for one in rollups) / 1024,
        cpu=sum(process.cpu_times().user + process.cpu_times().system for process in family),
    )


def _rollup(pid: int) -> dict[str, int]:
    """Read /proc/<pid>/smaps_rollup: name -> KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    pairs = (line.split() for line in lines)
    return {name.rstrip(":"): int(kib) for name, kib, *_ in pairs}
