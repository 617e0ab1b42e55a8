"""What both sides share: the rule file, the Slack channels, the person who is on call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.vendors.process import Remote, spawned

RULES = """\
groups:
  - name: load
    rules:
      - alert: LoadIsHigh
        expr: bench_load > 0.9
        labels: {severity: critical}
        annotations: {summary: 'load of {{ $labels.trial }} is {{ $value }}'}
"""
"""One file for both, without an interval: each judges when its own configuration says."""
ROOMS = tuple(f"C0BENCH{number:04}" for number in range(10))
ADA = "U0BENCH0001"


@asynccontextmanager
async def workspace() -> AsyncIterator[Remote]:
    """Run a Slack of its own process, with the channels and the person in it."""
    async with spawned("slack") as slack:
        await slack.ask("user", id=ADA, name="ada.bench")
        for room in ROOMS:
            await slack.ask("channel", id=room, name=room.lower())
        yield slack
