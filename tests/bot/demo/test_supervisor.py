"""The supervisor: what dies comes back, and nothing outlives it, however it ends."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
import psutil
import pytest

PATIENCE = 60.0


class Running:
    """A demo as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, address: str, place: Path) -> None:
        self.process, self.address, self.place = process, address, place

    def children(self) -> dict[str, psutil.Process]:
        """Return the processes of shop and engine by name."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                name = "shop" if "bot.demo.shop" in child.cmdline() else "engine"
                found[name] = child
        return found

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(PATIENCE):
            while not true():
                await asyncio.sleep(0.02)

    async def until_ready(self) -> None:
        """Wait until the engine answers that it is ready."""
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
            while True:
                with suppress(aiohttp.ClientError, OSError):
                    async with session.get(f"{self.address}/-/ready") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.02)


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Running]:
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "demo"),
        *("--port", str(port), "--directory", str(tmp_path / "demo")),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
    )
    running = Running(process, f"http://127.0.0.1:{port}", tmp_path / "demo")
    assert process.stdout
    async with asyncio.timeout(PATIENCE):
        assert running.address in (await process.stdout.readline()).decode()
    before = list(running.children().values())
    try:
        yield running
    finally:
        left = before
        if process.returncode is None:
            left += running.children().values()
            process.kill()
            await process.wait()
        for child in left:
            with suppress(psutil.Error):
                child.kill()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


async def test_what_dies_comes_back_and_a_stop_ends_everything(demo: Running) -> None:
    first = demo.children()
    assert set(first) == {"shop", "engine"}
    first["engine"].kill()
    first["shop"].kill()
    await demo.until(lambda: len(demo.children()) == 2)
    await demo.until_ready()

    def told() -> bool:
        deaths = json.loads((demo.place / "supervisor.json").read_text())["deaths"]
        return len(deaths) == 1 and deaths[0]["back_at"] > deaths[0]["died_at"] > 0

    await demo.until(told)
    second = demo.children()
    assert {p.pid for p in first.values()} & {p.pid for p in second.values()} == set()
    demo.process.send_signal(signal.SIGINT)
    async with asyncio.timeout(PATIENCE):
        assert await demo.process.wait() == 0
    assert not any(child.is_running() for child in second.values())
    assert "error" not in (demo.place / "engine.log").read_text().lower()


async def test_nothing_outlives_a_killed_supervisor(demo: Running) -> None:
    children = demo.children().values()
    os.kill(demo.process.pid, signal.SIGKILL)
    await demo.process.wait()
    await demo.until(lambda: not any(child.is_running() for child in children))
