"""The three engines under measurement, each with its defaults, in a folder that can be reopened."""

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from bench.processes import Program, free_port, running
from bench.tocsin import HEADERS, TOKEN

PLAIN = {"Accept-Encoding": "identity", **HEADERS}
"""So that no side spends its time on compressing answers; only ours looks at the token."""

NO_RULES = "groups: []\n"

BLOCKS = "blocks.txt"
"""The file in which the watchdog notes when the event loop came late."""

OURS = """\
server:
  listen: "127.0.0.1:{port}"
  tokens: [{{person: ada, token: {token}}}]
rules: [rules.yaml]
own_host: {{enabled: false}}
people: {{ada: {{permission: admin, phone: "+442071838750"}}}}
oncall: {{primary: [ada]}}
policies: {{shop: {{rooms: [{{console: shop}}], steps: [{{notify: [{{oncall: primary}}]}}]}}}}
default_policy: shop
channels:
  console: {{}}
  sms:
    account_sid: AC00000000000000000000000000000000
    auth_token: nobody-is-ever-texted
    from_number: "+14155550100"
    verify: false
    api_url: "http://127.0.0.1:9"
console: {{enabled: true, person: ada}}
"""


@dataclass(frozen=True, slots=True)
class Side:
    """One engine. start: runs it in a folder while a block lasts, with these rules."""

    name: str
    start: Callable[[Path, str], AbstractAsyncContextManager[Program]]


@asynccontextmanager
async def tocsin(folder: Path, rules: str = NO_RULES) -> AsyncIterator[Program]:
    """Run `tocsin serve` while the block lasts."""
    command = [str(Path(sys.executable).with_name("tocsin"))]
    async with _ours(folder, rules, command) as program:
        yield program


@asynccontextmanager
async def watched(folder: Path, rules: str = NO_RULES) -> AsyncIterator[Program]:
    """Run it with a watchdog on its event loop, see `bench.engine_watchdog`."""
    watchdog = Path(__file__).with_name("engine_watchdog.py")
    command = [sys.executable, str(watchdog), str(folder / BLOCKS)]
    async with _ours(folder, rules, command) as program:
        yield program


@asynccontextmanager
async def _ours(folder: Path, rules: str, command: Sequence[str]) -> AsyncIterator[Program]:
    folder.mkdir(exist_ok=True)
    port = free_port()
    (folder / "config.yaml").write_text(OURS.format(port=port, token=TOKEN))
    (folder / "rules.yaml").write_text(rules)
    arguments = [*command, "serve", "--config", "config.yaml"]
    async with running("tocsin", arguments, folder, port) as program:
        yield program


@asynccontextmanager
async def prometheus(folder: Path, rules: str = NO_RULES) -> AsyncIterator[Program]:
    """Run Prometheus while the block lasts; samples come by remote write."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text("rule_files: [rules.yaml]\n")
    (folder / "rules.yaml").write_text(rules)
    port = free_port()
    arguments = [
        "prometheus",
        "--config.file=config.yaml",
        "--storage.tsdb.path=data/samples",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
    ]
    async with running("prometheus", arguments, folder, port) as program:
        yield program


@asynccontextmanager
async def victoria(folder: Path, rules: str = NO_RULES) -> AsyncIterator[Program]:
    """Run VictoriaMetrics while the block lasts; it judges no rules by itself."""
    del rules
    folder.mkdir(exist_ok=True)
    port = free_port()
    arguments = [
        "victoria-metrics",
        "-storageDataPath=data/samples",
        f"-httpListenAddr=127.0.0.1:{port}",
    ]
    async with running("victoria-metrics", arguments, folder, port) as program:
        yield program


TOCSIN = Side("Tocsin", tocsin)
PROMETHEUS = Side("Prometheus", prometheus)
VICTORIA = Side("VictoriaMetrics", victoria)


def missing() -> str:
    """Say what has to be installed first; empty when nothing."""
    needed = ("prometheus", "promtool", "victoria-metrics")
    absent = [name for name in needed if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)} (Debian's packages)" if absent else ""


def versions() -> str:
    """Return the neighbours' versions: Prometheus' as it tells it, the other's of its package."""
    told = subprocess.run(["prometheus", "--version"], capture_output=True, text=True, check=True)
    query = ["dpkg-query", "-W", "-f", "${Version}", "victoria-metrics"]
    package = subprocess.run(query, capture_output=True, text=True, check=False)
    prometheus_version = (told.stdout + told.stderr).split("version ", 1)[1].split(" ", 1)[0]
    return f"Prometheus {prometheus_version}, VictoriaMetrics {package.stdout or 'of its own'}"


async def ask(program: Program, path: str, **parameters: Any) -> tuple[float, bytes]:
    """Ask the HTTP API; return the seconds until the whole answer was here, and the answer."""
    async with aiohttp.ClientSession(headers=PLAIN) as session:
        began = time.monotonic()
        url = f"{program.address}/api/v1/{path}"
        async with session.post(url, data=_texts(parameters)) as answer:
            body = await answer.read()
            took = time.monotonic() - began
        if answer.status != 200:
            raise RuntimeError(f"{program.name}: {answer.status} {body[:500]!r}")
    return took, body


def _texts(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in parameters.items()}


def cpu(program: Program) -> float:
    """Return the CPU seconds that a program has taken since its start."""
    times = psutil.Process(program.pid).cpu_times()
    return float(times.user + times.system)


async def quiet(program: Program, patience: float = 60.0) -> None:
    """Wait until a program does next to nothing: compaction and collection are over."""
    deadline = time.monotonic() + patience
    calm, before = 0, cpu(program)
    while calm < 3 and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        now = cpu(program)
        calm, before = (calm + 1 if now - before <= 0.03 else 0), now


def folder_bytes(folder: Path) -> int:
    """Count the bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
