"""What people type in a storm, and how long the event loop is kept from everybody else by it.

    python -m bench.storm_verbs             50,000 alerts in 500 groups; then 10,000, each alone
    python -m bench.storm_verbs --quick     the second alone, with 1,000

Ours alone: Alertmanager takes no answers. A command may take its time, since chat is told within
three seconds that it was heard; the event loop may not, or nobody else is.
"""

import argparse
import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from bench import storm_sides, tocsin
from bench.engine_loop import blocks
from bench.engine_sides import BLOCKS
from bench.figures import machine, table
from bench.processes import Program, weigh
from bench.storm import all_told
from bench.storm_feed import alerts, bodies, post
from bench.tocsin import PEOPLE

VERBS = (
    "alerts",
    "silence job=service-19 1h",
    "ack instance=nowhere",
    "ack job=service-3",
    "ack all",
    "why",
    "resolve all",
)
REST = 3.0
"""Seconds after a command in which what follows from it counts as well."""


async def run(count: int, groups: int) -> list[list[str]]:
    """Let a storm come, then type; return a line for each command."""
    with TemporaryDirectory(prefix="tocsin-verbs-") as place:
        folder = Path(place)
        async with storm_sides.hook(folder) as hook:
            side = storm_sides.tocsin(folder / "side", hook.address, "alertname")
            async with side as program:
                await asyncio.sleep(1.0)
                await post(program.address, bodies(alerts(count, groups)))
                await all_told(hook, count)
                await asyncio.sleep(REST)
                notes = folder / "side" / BLOCKS
                return [await _typed(program, verb, notes) for verb in VERBS]


async def _typed(program: Program, verb: str, notes: Path) -> list[str]:
    began, before = time.monotonic(), weigh(program.pid).cpu
    async with aiohttp.ClientSession(headers=PEOPLE) as session:
        url = f"{program.address}/api/v1/command"
        async with session.post(url, json={"text": verb}) as answer:
            answer.raise_for_status()
            said = await answer.json()
    took = time.monotonic() - began
    await asyncio.sleep(REST)
    after = weigh(program.pid)
    own = [late - waited for late, waited in blocks(notes, began)]
    longest = f"{max(own, default=0) * 1000:.0f}"
    words = said["text"].splitlines()[0].split("#")[0].split(". ")[0].strip(" :.;")[:60]
    return [verb, f"{took:.2f}", f"{after.cpu - before:.2f}", longest, f"{after.rss:.0f}", words]


def main() -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(description="Commands in a storm.")
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    print(f"Tocsin {tocsin.version()}; {machine()}", flush=True)
    storms = [(1_000, 1_000)] if chosen.quick else [(50_000, 500), (10_000, 10_000)]
    head = ["command", "answered, s", "CPU, s", "longest block, ms", "RSS, MiB", "answer"]
    for count, groups in storms:
        print(f"{count:,} alerts in {groups:,} groups")
        print(table(head, asyncio.run(run(count, groups))), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
