"""The neighbours under measurement: Debian's Prometheus and Alertmanager, tuned to their minimum.

Rules are evaluated every second; no group waits, and each alert is a group of its own.
"""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from bench.processes import Program, free_port, running
from bench.scene import RULES
from tests.vendors.process import Remote

PROMETHEUS, ALERTMANAGER = "prometheus", "prometheus-alertmanager"

PROMETHEUS_CONFIG = """\
global: {{evaluation_interval: 1s}}
rule_files: [rules.yaml]
alerting:
  alertmanagers:
    - static_configs: [{{targets: ["{alertmanager}"]}}]
"""
ALERTMANAGER_CONFIG = """\
route:
  receiver: slack
  group_by: ['...']
  group_wait: 0s
  group_interval: 1s
receivers:
  - name: slack
    slack_configs:
      - api_url: {slack_url}chat.postMessage
        channel: '{{{{ .CommonLabels.room }}}}'
        text: '{{{{ .CommonAnnotations.summary }}}}'
        http_config: {{authorization: {{credentials: {bot_token}}}}}
"""


@asynccontextmanager
async def alertmanager(folder: Path, slack: Remote) -> AsyncIterator[Program]:
    """Run Alertmanager while the block lasts; it posts by Slack's Web API, as we do."""
    folder.mkdir()
    config = ALERTMANAGER_CONFIG.format(
        slack_url=slack.facts["api_url"], bot_token=slack.facts["bot_token"]
    )
    (folder / "config.yaml").write_text(config)
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


@asynccontextmanager
async def prometheus(folder: Path, alerts_to: Program) -> AsyncIterator[Program]:
    """Run Prometheus while the block lasts; samples come by remote write."""
    folder.mkdir()
    target = alerts_to.address.removeprefix("http://")
    (folder / "config.yaml").write_text(PROMETHEUS_CONFIG.format(alertmanager=target))
    (folder / "rules.yaml").write_text(RULES)
    port = free_port()
    arguments = [
        PROMETHEUS,
        "--config.file=config.yaml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
    ]
    async with running("prometheus", arguments, folder, port) as program:
        await _found(program)
        yield program


async def _found(program: Program) -> None:
    """Wait until Prometheus knows its Alertmanager: seconds pass after it says it is ready."""
    url = f"{program.address}/api/v1/alertmanagers"
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(url) as answer:
                if (await answer.json())["data"]["activeAlertmanagers"]:
                    return
            await asyncio.sleep(0.1)


def missing() -> str:
    """Say what has to be installed first; empty when nothing."""
    absent = [name for name in (PROMETHEUS, ALERTMANAGER) if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)} (Debian's packages)" if absent else ""


def versions() -> str:
    """Return the neighbours' versions, as they tell them."""
    return f"Prometheus {_version(PROMETHEUS)}, Alertmanager {_version(ALERTMANAGER)}"


def _version(name: str) -> str:
    told = subprocess.run([name, "--version"], capture_output=True, text=True, check=True)
    return (told.stdout + told.stderr).split("version ", 1)[1].split(" ", 1)[0]
