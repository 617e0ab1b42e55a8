"""Both sides of the storm: Tocsin and Debian's Alertmanager, each with one webhook to tell."""

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import storm_postgresql
from bench.engine_sides import BLOCKS, NO_RULES
from bench.processes import Program, free_port, running
from bench.tocsin import PEOPLE_TOKEN, TOKEN

OURS = """\
server:
  listen: "127.0.0.1:{port}"
  tokens: [{{person: ada, token: {people}}}]
{storage}rules: [rules.yaml]
own_host: {{enabled: false}}
sources: {{prometheus: {{token: {token}}}}}
people: {{ada: {{permission: admin, phone: "+442071838750"}}}}
policies:
  storm:
    group_interval: 1s
    rooms: [{{webhook: program}}]
    steps: [{{notify: [{{person: ada}}]}}]
default_policy: storm
routes: [{{policy: storm, group_by: [{by}]}}]
channels:
  sms:
    account_sid: AC00000000000000000000000000000000
    auth_token: nobody-is-ever-texted
    from_number: "+14155550100"
    verify: false
    api_url: "http://127.0.0.1:9"
  webhook:
    urls: {{program: "{hook}"}}
    keys: {{program: "a-key-of-the-benchmark"}}
    allow: [127.0.0.0/8]
"""
THEIRS = """\
route:
  receiver: program
  group_by: [{by}]
  group_wait: 0s
  group_interval: 1s
receivers:
  - name: program
    webhook_configs: [{{url: "{hook}", send_resolved: true}}]
"""
ALERTMANAGER = "prometheus-alertmanager"


@dataclass(frozen=True, slots=True)
class Side:
    """One pager. start: runs it in a folder; by: the labels that alerts are grouped by."""

    name: str
    start: Callable[[Path, str, str], AbstractAsyncContextManager[Program]]


@asynccontextmanager
async def hook(folder: Path) -> AsyncIterator[Program]:
    """Run the program that is told."""
    port = free_port()
    command = [sys.executable, "-m", "bench.storm_hook", str(port)]
    async with running("hook", command, folder, port, at=Path(__file__).parents[1]) as program:
        yield program


@asynccontextmanager
async def tocsin(folder: Path, hook: str, by: str, rules: str = NO_RULES) -> AsyncIterator[Program]:
    """Run `tocsin serve` while the block lasts, with a watchdog on its event loop."""
    watchdog = Path(__file__).with_name("engine_watchdog.py")
    command = [sys.executable, str(watchdog), str(folder / BLOCKS)]
    async with _ours(folder, hook, by, rules, command) as program:
        yield program


def on_postgresql(server: str) -> Side:
    """Return our side with its incidents in an empty database of that server."""

    @asynccontextmanager
    async def start(folder: Path, hook: str, by: str) -> AsyncIterator[Program]:
        async with storm_postgresql.emptied(server) as database:
            command = [sys.executable, "-m", "bot"]
            async with _ours(folder, hook, by, NO_RULES, command, database) as program:
                yield program

    return Side("Tocsin on PostgreSQL", start)


@asynccontextmanager
async def _ours(
    folder: Path, hook: str, by: str, rules: str, command: Sequence[str], database: str = ""
) -> AsyncIterator[Program]:
    folder.mkdir(exist_ok=True)
    port, kept = free_port(), f'storage: {{database: "{database}"}}\n' if database else ""
    config = OURS.format(
        port=port, token=TOKEN, people=PEOPLE_TOKEN, hook=f"{hook}/", by=by, storage=kept
    )
    (folder / "config.yaml").write_text(config)
    (folder / "rules.yaml").write_text(rules)
    arguments = [*command, "serve", "--config", "config.yaml"]
    async with running("tocsin", arguments, folder, port) as program:
        yield program


@asynccontextmanager
async def alertmanager(folder: Path, hook: str, by: str) -> AsyncIterator[Program]:
    """Run Alertmanager while the block lasts, tuned to its minimum: no group waits."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(THEIRS.format(hook=f"{hook}/", by=by))
    port = free_port()
    arguments = [
        ALERTMANAGER,
        "--config.file=config.yaml",
        "--storage.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    async with running("alertmanager", arguments, folder, port) as program:
        yield program


OURS_SIDE, THEIRS_SIDE = Side("Tocsin", tocsin), Side("Alertmanager", alertmanager)


def missing() -> str:
    """Say what has to be installed first; empty when nothing."""
    return "" if shutil.which(ALERTMANAGER) else f"not installed: {ALERTMANAGER} (Debian's package)"


def version() -> str:
    """Return the neighbour's version, as it tells it."""
    told = subprocess.run([ALERTMANAGER, "--version"], capture_output=True, text=True, check=True)
    return (told.stdout + told.stderr).split("version ", 1)[1].split(" ", 1)[0]
