"""One rule file, judged by our own store, a real Prometheus and a real VictoriaMetrics: the same
alerts, in the same order, with the same words."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from math import sin
from pathlib import Path
from typing import Any, cast

import pytest

from routing.flow.evaluate import Judge
from storage.clock import SystemClock
from storage.metrics.remote import RemoteMetrics, RemoteOptions
from storage.model.labels import Labels
from storage.model.sample import Sample
from tests.fakes import ManualClock
from tests.peers import prometheus, remote_write, show, victoria_metrics
from tests.routing.flow.court import Court, RecordingDoor

STEP, SCRAPES = 15, 60
BEGIN = (SystemClock().utc_now().timestamp() // 60 - 20) * 60
"""Unix seconds; scrapes stand a second before the moments of judgement."""
RULES = """
{alert: Down, expr: up == 0, for: 1m, labels: {severity: critical}, annotations: {summary: "{{ $labels.instance }} is down, {{ query \\"sum(up)\\" | first | value }} are up"}}
{alert: Busy, expr: max by (instance) (queue) > 90, annotations: {summary: "{{ $labels.instance }} waits"}}
{alert: Unequal, expr: 'abs(max by (job) (queue) - on (job) min by (job) (queue)) > 95'}
{alert: Share, expr: 100 * avg by (job) (up) < 90, for: 30s, annotations: {summary: "{{ $value | humanize }} %"}}
{alert: Nobody, expr: 'absent(up{job="nobody"})'}
"""  # noqa: E501


def scrape(number: int) -> list[Sample]:
    found = []
    for job in ("api", "mail"):
        for place in range(3):
            about = {"job": job, "instance": f"{job}{place}:80"}
            up = 0.0 if place == 1 and 15 <= number < 35 and job == "api" else 1.0
            queue = 50 + 50 * sin(number / 9 + 2 * place)
            at = BEGIN + STEP * number - 1
            found.append(Sample(Labels.of(about, __name__="up"), at, up))
            found.append(Sample(Labels.of(about, __name__="queue"), at, queue))
    return found


def stories(door: RecordingDoor) -> dict[str, list[str]]:
    """Return what was told of each alert: status and summary, in order."""
    told: dict[str, list[str]] = {}
    for alert in door.told:
        text = f"{alert.status.value} {alert.annotations.get('summary')}"
        told.setdefault(str(alert.labels), []).append(text)
    return told


def clock_at_begin() -> ManualClock:
    return ManualClock(wall=datetime.fromtimestamp(BEGIN - STEP, UTC))


async def by_our_own_store() -> dict[str, list[str]]:
    court = Court(RULES, interval="15s", recording=False)
    court.clock.wall = clock_at_begin().wall
    for number in range(SCRAPES):
        court.clock.advance(STEP)
        await court.take(*scrape(number), complete=True)
        await court.judge.tick()
    court.metrics.close()
    return stories(court.door)


async def by(address: str) -> dict[str, list[str]]:
    court, door = Court(RULES, interval="15s", recording=False), RecordingDoor()
    remote = RemoteMetrics(RemoteOptions(url=address))
    clock = clock_at_begin()
    judge = Judge(
        remote, door, cast(Any, None), clock, court.playbook, court.groups,
        gather=0.0, answered_by=remote.name,
    )  # fmt: skip
    for _ in range(SCRAPES):
        clock.advance(STEP)
        await judge.tick()
    await remote.close()
    court.metrics.close()
    return stories(door)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.mark.parametrize("peer", [prometheus, victoria_metrics], ids=["prometheus", "victoria"])
async def test_the_same_alerts(peer: Any, tmp_path: Path, stack: AsyncExitStack) -> None:
    address = await stack.enter_async_context(peer(tmp_path))
    samples: Sequence[Sample] = [sample for n in range(SCRAPES) for sample in scrape(n)]
    await remote_write(address, samples)
    if peer is victoria_metrics:
        await show(address)
    theirs, ours = await by(address), await by_our_own_store()
    assert theirs == ours
    assert {texts[-1].split()[0] for texts in ours.values()} == {"firing", "resolved"}
    assert len(ours) >= 6
