"""A real Prometheus takes Tocsin for its Alertmanager, and amtool drives it."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.journeys.test_prometheus_writes import prometheus
from tests.peers import program
from tests.promises.conftest import Found
from tests.promises.tocsin import Json, Tocsin
from tests.promises.town import EDGE, town
from tests.vendors.process import Remote

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
alerting:
  alertmanagers:
    - static_configs: [{{targets: ["{target}"]}}]
      authorization: {{credentials: {token}}}
rule_files: [rules.yml]
scrape_configs:
  - {{job_name: gone, static_configs: [{{targets: ["127.0.0.1:1"]}}]}}
"""
RULES = """
groups:
- name: g
  rules:
  - alert: TargetDown
    expr: up == 0
    labels: {severity: warning, team: shop}
    annotations: {summary: "{{ $labels.job }} is down"}
"""
NO_RULES: Json = {"groups": []}


async def amtool(tocsin: Tocsin, *arguments: str) -> str:
    """Run amtool against Tocsin; return what it prints."""
    process = await asyncio.create_subprocess_exec(
        program("amtool"),
        f"--alertmanager.url={tocsin.url}",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return said.decode()


async def alerts(tocsin: Tocsin, *arguments: str) -> list[dict[str, Any]]:
    said = await amtool(tocsin, "alert", "query", "-o", "json", *arguments)
    found: list[dict[str, Any]] = json.loads(said)
    return found


async def test_prometheus_tells_its_alerts_and_amtool_silences_them(
    found: Found, tmp_path: Path, twilio: Remote
) -> None:
    program("amtool")
    program("prometheus")
    config = town(twilio)
    config["server"].pop("tokens", None)  # so that amtool needs none on this machine
    tocsin = found(config, NO_RULES)
    await tocsin.start()
    folder = tmp_path / "prometheus"
    target = tocsin.url.removeprefix("http://")
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES)
    told = CONFIG.format(target=target, token=EDGE).replace("rules.yml", str(rules))
    async with prometheus(folder, told):
        await tocsin.until(lambda: tocsin.count("SELECT count(*) FROM incidents"), 30.0)
        [down] = await alerts(tocsin, "alertname=TargetDown")
        assert down["annotations"] == {"summary": "gone is down"}
        assert down["status"]["state"] == "active"
        uuid = (
            await amtool(tocsin, "silence", "add", "-a", "grace", "-c", "planned", "team=shop")
        ).strip()
        await tocsin.until(lambda: tocsin.count(MUTED), 30.0)
        assert await alerts(tocsin, "alertname=TargetDown") == []
        [quiet] = await alerts(tocsin, "--silenced")
        assert quiet["status"]["silencedBy"] == [uuid]
        assert uuid in await amtool(tocsin, "silence", "query", "-q")
        await amtool(tocsin, "silence", "expire", uuid)
        await tocsin.until(lambda: tocsin.count(HEARD), 30.0)
        assert len(await alerts(tocsin, "alertname=TargetDown")) == 1
        sender = tmp_path / "sender.yml"
        sender.write_text(f"authorization: {{credentials: {EDGE}}}")
        by_sender = f"--http.config.file={sender}"
        await amtool(tocsin, by_sender, "alert", "add", "ByHand", "severity=warning")
        assert len(await alerts(tocsin, "ByHand")) == 1
        assert "TargetDown" in await amtool(tocsin, "alert")


MUTED = "SELECT count(*) FROM incidents WHERE status = 'muted'"
HEARD = "SELECT count(*) FROM incidents WHERE status = 'triggered'"
