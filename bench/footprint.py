"""What an idle installation takes, and how soon it is ready, beside Prometheus and Alertmanager.

    python -m bench.footprint            three runs, a minute idle each
    python -m bench.footprint --quick    one run, ten seconds idle

Exits with 1 when ours takes 120 MiB or more, or three seconds or more from start to ready.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench import neighbours, tocsin
from bench.figures import machine, table
from bench.processes import Program, weigh
from bench.scene import workspace
from tests.vendors.process import spawned

MOST_MIB, MOST_SECONDS = 120.0, 3.0
RUNS, IDLE = 3, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """One program in one run. ready_in: seconds; rss, pss: MiB; cpu: seconds of a minute idle."""

    ready_in: float
    rss: float
    pss: float
    cpu: float

    def __add__(self, other: "Footprint") -> "Footprint":
        """Two that are started one after the other and serve together."""
        return Footprint(
            ready_in=self.ready_in + other.ready_in,
            rss=self.rss + other.rss,
            pss=self.pss + other.pss,
            cpu=self.cpu + other.cpu,
        )


async def run(idle: float) -> list[Footprint]:
    """Start each in turn on empty folders, leave all alone, weigh: ours and each neighbour."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tocsin-bench-")))
        slack, sms = await enter(workspace()), await enter(spawned("twilio"))
        ours = await enter(tocsin.tocsin(folder / "tocsin", slack=slack, sms=sms, console=True))
        await slack.ask("connected")
        pager = await enter(neighbours.alertmanager(folder / "alertmanager", slack))
        metrics = await enter(neighbours.prometheus(folder / "prometheus", pager))
        programs = (ours, metrics, pager)
        before = [weigh(program.pid).cpu for program in programs]
        await asyncio.sleep(idle)
        return [
            _footprint(program, cpu, idle) for program, cpu in zip(programs, before, strict=True)
        ]


def _footprint(program: Program, cpu_before: float, idle: float) -> Footprint:
    weight = weigh(program.pid)
    return Footprint(
        ready_in=program.ready_in,
        rss=weight.rss,
        pss=weight.pss,
        cpu=(weight.cpu - cpu_before) / idle * 60.0,
    )


def middle(runs: Sequence[Footprint]) -> Footprint:
    """Return the median of each figure."""
    return Footprint(
        ready_in=median(one.ready_in for one in runs),
        rss=median(one.rss for one in runs),
        pss=median(one.pss for one in runs),
        cpu=median(one.cpu for one in runs),
    )


def told(ours: Footprint, metrics: Footprint, pager: Footprint) -> str:
    """Write the figures out, the neighbours alone and together, and the ratio."""
    both = metrics + pager
    named = {
        "Tocsin": ours,
        "Prometheus": metrics,
        "Alertmanager": pager,
        "Prometheus + Alertmanager": both,
        "ours / theirs": Footprint(
            ready_in=ours.ready_in / both.ready_in,
            rss=ours.rss / both.rss,
            pss=ours.pss / both.pss,
            cpu=ours.cpu / both.cpu if both.cpu else float("nan"),
        ),
    }
    head = ["idle", "RSS, MiB", "Pss, MiB", "CPU, s a minute", "start to ready, s"]
    rows = [
        [name, f"{one.rss:.1f}", f"{one.pss:.1f}", f"{one.cpu:.2f}", f"{one.ready_in:.2f}"]
        for name, one in named.items()
    ]
    return table(head, rows)


def faults(ours: Footprint) -> list[str]:
    """Say which limit was not kept."""
    wrong = []
    if ours.rss >= MOST_MIB:
        wrong.append(f"idle RSS {ours.rss:.1f} MiB; expected under {MOST_MIB:g} MiB")
    if ours.ready_in >= MOST_SECONDS:
        wrong.append(f"ready after {ours.ready_in:.2f} s; expected under {MOST_SECONDS:g} s")
    return wrong


def main() -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(description="Idle memory, and start to ready.")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--idle", type=float, default=IDLE, help="seconds left alone")
    parser.add_argument("--quick", action="store_true", help="one run, ten seconds idle")
    chosen = parser.parse_args()
    runs, idle = (1, 10.0) if chosen.quick else (chosen.runs, chosen.idle)
    if absent := neighbours.missing():
        print(absent, file=sys.stderr)
        return 2
    versions = f"Tocsin {tocsin.version()}, {neighbours.versions()}"
    print(f"median of {runs}, {idle:g} s idle; {versions}; {machine()}", flush=True)
    found = [asyncio.run(run(idle)) for _ in range(runs)]
    ours, metrics, pager = (middle(runs_of_one) for runs_of_one in zip(*found, strict=True))
    print(told(ours, metrics, pager))
    wrong = faults(ours)
    for one in wrong:
        print(f"not kept: {one}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
