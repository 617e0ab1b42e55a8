"""The performance report over a real Prometheus and a real VictoriaMetrics: the same figures."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.reports.performance import REPORT
from bot.reports.report import Window
from storage.clock import SystemClock
from storage.metrics.remote import RemoteMetrics, RemoteOptions
from storage.model.labels import Labels
from storage.model.sample import Sample
from tests.bot.reports.shop import Shop
from tests.peers import prometheus, remote_write, show, victoria_metrics

END = (SystemClock().utc_now().timestamp() // 60 - 2) * 60
Peer = Callable[[Path], AbstractAsyncContextManager[str]]


def samples() -> list[Sample]:
    counters = [
        ({"__name__": "http_requests_total", "code": "200", "job": "checkout"}, 9.0),
        ({"__name__": "http_requests_total", "code": "500", "job": "checkout"}, 1.0),
        ({"__name__": "node_cpu_seconds_total", "mode": "idle", "instance": "a", "job": "n"}, 0.75),
        *(
            ({"__name__": "http_request_duration_seconds_bucket", "le": le, "job": "checkout"}, n)
            for le, n in (("0.1", 5.0), ("1", 10.0), ("+Inf", 10.0))
        ),
    ]
    return [
        Sample(Labels.of(labels), END - 15.0 * back - 8, 1e6 + rate * 15.0 * (240 - back))
        for back in range(240, -1, -1)
        for labels, rate in counters
    ]


@pytest.mark.parametrize("peer", [prometheus, victoria_metrics])
async def test_the_same_figures(peer: Peer, shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "peer").mkdir()
    async with peer(tmp_path / "peer") as address:
        await remote_write(address, samples())
        await show(address)
        remote = RemoteMetrics(RemoteOptions(url=address))
        desks = replace(shop.desks, metrics=remote)
        end = datetime.fromtimestamp(END, UTC)
        window = Window(start=end - timedelta(minutes=30), end=end)
        page = REPORT.build(await REPORT.load(desks, window, "checkout"), window)
        await remote.close()
    rows = {row[0]: row[1] for row in page.tables[0].rows}
    assert (rows["Requests"], rows["Failed"]) == ("10/s", "10 %")
    assert rows["Latency p50"] == "100 ms"
    assert rows["Machine: CPU"] == "25 %"
