"""The alerts of the storm, told as Prometheus 3 tells its Alertmanager."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
import orjson

from bench.tocsin import HEADERS

BATCH, CONNECTIONS = 256, 4
"""Alerts of one request (Prometheus 3's own limit), and requests that are under way at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What became of requests. refused: of those, how many were 429 or 503 with Retry-After."""

    took: float
    taken: int
    refused: int


def alerts(count: int, groups: int) -> list[dict[str, object]]:
    """Make alerts of `groups` rules, one rule's behind the other's, as Prometheus tells them.

    They are informational: those ring nobody, which Alertmanager does not do either.
    """
    began = datetime.now(UTC).isoformat()
    each = max(1, count // groups)
    return [_alert(number, number // each, began) for number in range(count)]


def _alert(number: int, group: int, began: str) -> dict[str, object]:
    return {
        "labels": {
            "alertname": f"Storm{group:05}",
            "severity": "informational",
            "cluster": f"eu-{number % 7}",
            "instance": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}:9100",
            "job": f"service-{number % 20}",
            "pod": f"shop-{number:08x}",
        },
        "annotations": {
            "summary": f"instance {number} answers slowly",
            "description": "The 99th percentile was over a second for five minutes; see the board.",
            "runbook_url": "https://wiki.example.com/runbooks/slow",
        },
        "startsAt": began,
        "generatorURL": "http://prometheus.example.com/graph?g0.expr=slow",
    }


def bodies(told: Sequence[dict[str, object]], batch: int = BATCH) -> list[bytes]:
    """Write them as requests."""
    return [orjson.dumps(told[start : start + batch]) for start in range(0, len(told), batch)]


async def post(address: str, waiting: Sequence[bytes]) -> Answers:
    """Post all bodies over kept connections; those refused for the moment come again.

    Raises RuntimeError with the answer where a body is refused for good.
    """
    refused, left = 0, iter(waiting)

    async def work(session: aiohttp.ClientSession, left: Iterator[bytes]) -> None:
        nonlocal refused
        url = f"{address}/api/v2/alerts"
        for body in left:
            while True:
                async with session.post(url, data=body, headers=JSON) as answer:
                    said = await answer.text()
                    if answer.status == 200:
                        break
                    if answer.status not in (429, 503) or "Retry-After" not in answer.headers:
                        raise RuntimeError(f"{address}: {answer.status} {said}")
                    refused += 1
                    await asyncio.sleep(float(answer.headers["Retry-After"]))

    async with aiohttp.ClientSession() as session:
        began = time.monotonic()
        await asyncio.gather(*(work(session, left) for _ in range(CONNECTIONS)))
        took = time.monotonic() - began
    return Answers(took=took, taken=len(waiting), refused=refused)


JSON = {"Content-Type": "application/json", **HEADERS}
