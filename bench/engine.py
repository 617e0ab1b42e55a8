"""The engine beside a real Prometheus and a real VictoriaMetrics, in one run.

    python -m bench.engine                      everything, about ten minutes
    python -m bench.engine --quick              a tenth of the series, one run
    python -m bench.engine --only rules,loop    some of: write rules many ranges loop

`write` is remote write, memory, disk and restart. Sides run one after the other, each alone.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import engine_ingest, engine_loop, engine_ranges, engine_rules, engine_sides, tocsin
from bench.engine_feed import Family
from bench.engine_figures import Figure, middle, told
from bench.engine_sides import PROMETHEUS, TOCSIN, VICTORIA, Side
from bench.figures import machine

PARTS = ("write", "rules", "many", "ranges", "loop")
SCRAPES = 10


async def one_side(
    side: Side, folder: Path, series: int, times: int, parts: Sequence[str]
) -> dict[str, Figure]:
    """Fill one engine, ask its rules, start it again."""
    large, small = Family.of("bench_bucket", series), Family.of("bench_small_bucket", series // 10)
    found: dict[str, Figure] = {}
    async with side.start(folder, engine_sides.NO_RULES) as program:
        written = await engine_ingest.fill(program, large, SCRAPES)
        if "write" in parts:
            found |= written
            found |= await engine_ingest.weight(program, folder, series * SCRAPES)
        if "rules" in parts and side is not VICTORIA:
            await engine_ingest.fill(program, small, SCRAPES)
            for family in (large, small):
                found |= await engine_rules.scans(program, family, times)
                counts = await engine_rules.alerts(program, family)
                print(f"{side.name}, alerts over {len(family.encoded):,} series: {counts}")
    if "write" in parts:
        found |= await engine_ingest.restart(side, folder, large)
    if "many" in parts and side is not VICTORIA:
        found |= await engine_rules.thousand(side, folder, large, times)
    return found


async def a_week(side: Side, folder: Path, days: int, times: int) -> dict[str, Figure]:
    """Write a week of history, then ask for it."""
    folder.mkdir()
    start = engine_ranges.beginning(days)
    if side is TOCSIN:
        await engine_ranges.write_ours(folder, start, days)
    else:
        engine_ranges.write_theirs(folder, start, days)
    return await engine_ranges.ranges(side, folder, start, days, times)


async def run(
    series: int, days: int, times: int, parts: Sequence[str]
) -> dict[str, dict[str, Figure]]:
    """Measure every side once: name -> figures."""
    found: dict[str, dict[str, Figure]] = {}
    sides = [TOCSIN, PROMETHEUS, *([VICTORIA] if "write" in parts else [])]
    with TemporaryDirectory(prefix="tocsin-bench-") as place:
        for side in sides:
            folder, figures = Path(place) / side.name, dict[str, Figure]()
            if {"write", "rules", "many"} & set(parts):
                figures |= await one_side(side, folder, series, times, parts)
            if "ranges" in parts and side is not VICTORIA:
                figures |= await a_week(side, Path(place) / f"{side.name}-week", days, times)
            if "loop" in parts and side is TOCSIN:
                family = Family.of("bench_bucket", series)
                figures |= await engine_loop.loop(Path(place) / "loop", family, 6)
            found[side.name] = figures
    return found


def main() -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(description="The engine beside its neighbours.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--series", type=int, default=100_000, help="a multiple of 1,000")
    parser.add_argument("--days", type=int, default=engine_ranges.DAYS)
    parser.add_argument("--only", default=",".join(PARTS), help="what to measure")
    parser.add_argument("--quick", action="store_true", help="one run, 10,000 series, one day")
    chosen = parser.parse_args()
    runs, series, days = chosen.runs, chosen.series, chosen.days
    if chosen.quick:
        runs, series, days = 1, 10_000, 1
    if absent := engine_sides.missing():
        print(absent, file=sys.stderr)
        return 2
    parts = [part for part in chosen.only.split(",") if part in PARTS]
    versions = f"Tocsin {tocsin.version()}, {engine_sides.versions()}"
    print(f"median of {runs}; {series:,} series; {versions}; {machine()}", flush=True)
    times = 2 if chosen.quick else 5
    found = [asyncio.run(run(series, days, times, parts)) for _ in range(runs)]
    sides = {name: middle([one[name] for one in found]) for name in found[0]}
    print(told(sides.pop(TOCSIN.name), sides))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
