"""A real Prometheus sends its samples here, set up as the README says."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.promises.conftest import Found
from tests.promises.tocsin import Json
from tests.promises.town import EDGE, town
from tests.vendors.process import Remote

PROMETHEUS = shutil.which("prometheus")
RULES: Json = {
    "groups": [
        {
            "name": "targets",
            "interval": "1s",
            "rules": [
                {
                    "alert": "TargetDown",
                    "expr": 'up{job="gone"} == 0',
                    "labels": {"severity": "critical", "category": "availability"},
                }
            ],
        }
    ]
}
CONFIG = """
global: {{scrape_interval: 1s}}
remote_write:
  - url: {url}/api/v1/write
    authorization: {{credentials: {token}}}
scrape_configs:
  - {{job_name: tocsin, static_configs: [{{targets: ["{target}"]}}]}}
  - {{job_name: gone, static_configs: [{{targets: ["127.0.0.1:1"]}}]}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def prometheus(directory: Path, config: str) -> AsyncIterator[None]:
    """Run Debian's Prometheus with this configuration on loopback."""
    assert PROMETHEUS
    directory.mkdir()
    (directory / "prometheus.yml").write_text(config)
    with (directory / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PROMETHEUS,
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{free_port()}",
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


@pytest.mark.skipif(
    PROMETHEUS is None and not os.environ.get("TOCSIN_CI"),
    reason="needs Debian's prometheus (apt-get install prometheus)",
)
async def test_prometheus_sends_and_a_dead_target_opens_an_incident(
    found: Found, tmp_path: Path, twilio: Remote
) -> None:
    tocsin = found(town(twilio), RULES)
    await tocsin.start()
    target = tocsin.url.removeprefix("http://")
    config = CONFIG.format(url=tocsin.url, token=EDGE, target=target)
    async with prometheus(tmp_path / "prometheus", config):
        await tocsin.until(lambda: tocsin.count("SELECT count(*) FROM incidents"), 30.0)
    shown = await tocsin.say("alerts")
    assert shown is not None
    assert "TargetDown" in str(shown)
    status, metrics = await tocsin.get("/metrics")
    assert status == 200
    assert 'tocsin_samples_stored_total{source="edge"}' in metrics
