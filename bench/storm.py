"""A storm of alerts, beside a real Alertmanager, in one run.

    python -m bench.storm                     the rows, both sides; a few minutes
    python -m bench.storm --quick             one run, no 50,000
    python -m bench.storm --only large
    python -m bench.storm --postgresql postgresql://user@127.0.0.1:5432

Alerts are posted to `/api/v2/alerts`; a webhook is told. A row ends when the newest notifications
of all groups together tell of every alert.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from bench import storm_sides, tocsin
from bench.figures import machine, table
from bench.processes import Program, weigh
from bench.storm_feed import alerts, bodies, post
from bench.storm_sides import OURS_SIDE, THEIRS_SIDE, Side

PATIENCE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One storm. groups: of equal size.  again: then it is posted once more, which is counted."""

    what: str
    count: int
    groups: int
    again: bool = False


ROWS = {
    "small": Row(what="10,000 alerts, 100 groups", count=10_000, groups=100, again=True),
    "large": Row(what="50,000 alerts, 500 groups", count=50_000, groups=500),
    "wide": Row(what="50,000 alerts, 10 groups", count=50_000, groups=10),
    "single": Row(what="10,000 alerts, each alone", count=10_000, groups=10_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """What one storm took: seconds, CPU seconds, MiB; `again` is that of the known ones.

    first: until the first notification came.  told: until all was told.
    """

    posted: float
    first: float
    told: float
    cpu: float
    rss: float
    calls: int
    again: float = 0.0
    again_cpu: float = 0.0


async def storm(side: Side, row: Row, folder: Path) -> Storm:
    """Let one storm come over one side."""
    folder.mkdir()
    waiting = bodies(alerts(row.count, row.groups))
    async with storm_sides.hook(folder) as hook:
        by = "alertname"
        async with side.start(folder / "side", hook.address, by) as program:
            await asyncio.sleep(1.0)
            before, began = weigh(program.pid).cpu, time.monotonic()
            posted = await post(program.address, waiting)
            said = await all_told(hook, row.count)
            after = weigh(program.pid)
            again = again_cpu = 0.0
            if row.again:
                await asyncio.sleep(2.0)
                cpu = weigh(program.pid).cpu
                again = (await post(program.address, waiting)).took
                await asyncio.sleep(1.0)
                again_cpu = weigh(program.pid).cpu - cpu
    return Storm(
        posted=posted.took,
        first=said["first"] - began,
        told=said["last"] - began,
        cpu=after.cpu - before,
        rss=after.rss,
        calls=int(said["calls"]),
        again=again,
        again_cpu=again_cpu,
    )


async def all_told(hook: Program, count: int) -> dict[str, float]:
    """Wait until all are told; return what the program that is told counted."""
    end = time.monotonic() + PATIENCE
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{hook.address}/") as answer:
                said: dict[str, float] = await answer.json()
            if said["alerts"] >= count:
                return said
            if time.monotonic() > end:
                raise RuntimeError(f"only {said} of {count} after {PATIENCE:g} s")
            await asyncio.sleep(0.05)


def told(found: Sequence[tuple[Row, Storm, Storm]]) -> str:
    """Write the figures out."""
    head = ["storm", "Tocsin", "Alertmanager", "theirs / ours"]
    lines = []
    for row, ours, theirs in found:
        each = [
            ("posted, s", ours.posted, theirs.posted),
            ("first notification, s", ours.first, theirs.first),
            ("all told, s", ours.told, theirs.told),
            ("CPU, s", ours.cpu, theirs.cpu),
            ("RSS, MiB", ours.rss, theirs.rss),
            ("notifications", ours.calls, theirs.calls),
        ]
        if row.again:
            each += [
                ("known, posted again, s", ours.again, theirs.again),
                ("known, CPU, s", ours.again_cpu, theirs.again_cpu),
            ]
        for name, mine, other in each:
            ratio = f"{other / mine:.2f}" if mine else "-"
            lines.append([f"{row.what}: {name}", f"{mine:.2f}", f"{other:.2f}", ratio])
    return table(head, lines)


def middle(runs: Sequence[Storm]) -> Storm:
    """Return the run in the middle, by the time until all was told."""
    return sorted(runs, key=lambda run: run.told)[len(runs) // 2]


async def both(row: Row, runs: int, sides: Sequence[Side]) -> list[Storm]:
    """Measure the sides in turn, each alone."""
    found: dict[str, list[Storm]] = {side.name: [] for side in sides}
    for _ in range(runs):
        for side in sides:
            with TemporaryDirectory(prefix="tocsin-storm-") as place:
                found[side.name].append(await storm(side, row, Path(place) / "storm"))
    return [middle(found[side.name]) for side in sides]


def main() -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(description="A storm of alerts, beside Alertmanager.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one run, 10,000 alerts")
    parser.add_argument("--only", default=",".join(ROWS), help=f"some of: {', '.join(ROWS)}")
    parser.add_argument("--postgresql", metavar="SERVER", help="ours keeps its incidents there")
    parser.add_argument("--side", choices=("ours", "both"), default="both")
    chosen = parser.parse_args()
    if absent := storm_sides.missing():
        print(absent, file=sys.stderr)
        return 2
    mine = storm_sides.on_postgresql(chosen.postgresql) if chosen.postgresql else OURS_SIDE
    sides = (mine,) if chosen.side == "ours" else (mine, THEIRS_SIDE)
    names = ["small", "single"] if chosen.quick else chosen.only.split(",")
    runs = 1 if chosen.quick else chosen.runs
    versions = f"Tocsin {tocsin.version()}, Alertmanager {storm_sides.version()}"
    print(f"the middle of {runs}; {versions}; {machine()}", flush=True)
    found = []
    for name in names:
        row = ROWS[name]
        ours, *theirs = asyncio.run(both(row, runs, sides))
        found.append((row, ours, theirs[0] if theirs else ours))
    print(told(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
