"""Another system keeps the numbers: samples come in here, go on to it, and its answers judge."""

import asyncio
import json
from pathlib import Path

from tests.peers import prometheus
from tests.promises.conftest import Found
from tests.promises.tocsin import Json, sample, token_of
from tests.promises.town import town
from tests.vendors.process import Remote

RULES: Json = {
    "groups": [
        {
            "name": "disks",
            "interval": "1s",
            "rules": [
                {"record": "level:max", "expr": "max by (instance) (level)"},
                {
                    "alert": "DiskFull",
                    "expr": "level:max > 90",
                    "labels": {"severity": "critical", "category": "capacity"},
                },
            ],
        }
    ]
}


async def test_a_sample_pages_by_way_of_prometheus(
    found: Found, tmp_path: Path, twilio: Remote
) -> None:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    async with prometheus(folder) as address:
        config = town(twilio)
        config["storage"] |= {
            "metrics": {"prometheus": {"url": address}},
            "forward": {"url": f"{address}/api/v1/write"},
        }
        tocsin = found(config, RULES)
        await tocsin.start()
        assert await tocsin.send([sample("level", 95, instance="a")]) == 204
        await tocsin.until(lambda: tocsin.count("SELECT count(*) FROM incidents"), 30.0)
        assert await tocsin.send([sample("level", 5, instance="a")]) == 204
        resolved = "SELECT count(*) FROM incidents WHERE status = 'resolved'"
        await tocsin.until(lambda: tocsin.count(resolved), 30.0)
        reader = {"Authorization": f"Bearer {token_of('ben')}"}
        status, text = await tocsin.get("/api/v1/query?query=level:max", **reader)
        assert (status, json.loads(text)["data"]["result"][0]["value"][1]) == (200, "5")
        _, metrics = await tocsin.get("/metrics")
        assert 'tocsin_forward_dropped_samples_total{reason="refused"} 0.0' in metrics
        assert "prometheus_rule_group_iterations_total{" in metrics
    # It is gone: what is known stays, and clients are told so.
    for _ in range(100):
        status, text = await tocsin.get("/api/v1/query?query=level", **reader)
        if status == 503:
            break
        await asyncio.sleep(0.1)
    assert (status, json.loads(text)["errorType"]) == (503, "unavailable")
