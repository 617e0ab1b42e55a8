"""From the sample's 2xx to Slack's 200, beside Prometheus and Alertmanager, in one run.

    python -m bench.alarm            300 trials, about eight minutes
    python -m bench.alarm --quick    20 trials

Exits with 1 when our 99th percentile is a second or more, or when an incident did not get
exactly one top message.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from bench import neighbours, tocsin
from bench.figures import machine, percentile, table
from bench.remote_write import Reading, Writer
from bench.scene import ROOMS, workspace
from tests.vendors.process import Remote, spawned

CALM, HIGH = 0.5, 0.95
PERIOD = 1.6
"""Seconds from trial to trial. Slack takes 50 edits a minute, and each incident ends with one."""
JITTER = 0.6
"""Seconds; so that no trial keeps step with the neighbour's evaluation every second."""
HELD = 3
"""Trials after which an alarm clears."""
PATIENCE = 60.0
LIMIT = 1.0
POST = "chat.postMessage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two that are compared: where its samples go in, and where its messages go."""

    name: str
    writer: Writer
    slack: Remote


@dataclass(frozen=True, slots=True, order=True)
class Move:
    """One sample to send: `at` seconds after the start, to side number `side`."""

    at: float
    side: int
    trial: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one side's trials.

    delays:  seconds from 2xx to Slack's 200, by trial.
    tops:    top messages by trial.
    refused: calls that Slack answered 429.
    """

    delays: Mapping[int, float]
    tops: Mapping[int, int]
    refused: int


def moves(trials: int, sides: int) -> list[Move]:
    """Plan the run: the sides take turns, every alarm clears HELD trials later."""
    dice, planned = Random(1), list[Move]()
    for trial in range(trials):
        for side in range(sides):
            at = (trial + side / sides) * PERIOD + dice.random() * JITTER
            planned.append(Move(at, side, trial, HIGH))
            planned.append(Move(at + HELD * PERIOD, side, trial, CALM))
    return sorted(planned)


def reading(trial: int, value: float) -> Reading:
    """Return the sample of one trial; each has a series of its own."""
    labels = {
        "__name__": "bench_load",
        "room": ROOMS[trial % len(ROOMS)],
        "trial": f"trial-{trial:04}",
    }
    return labels, value


async def drive(sides: Sequence[Side], trials: int) -> list[dict[int, float]]:
    """Send everything in its time; return for each side trial -> monotonic second of the 2xx."""
    for side in sides:
        await side.writer.write(reading(trial, CALM) for trial in range(trials))
    taken = [dict[int, float]() for _ in sides]
    start = time.monotonic() + PERIOD
    for move in moves(trials, len(sides)):
        await asyncio.sleep(start + move.at - time.monotonic())
        at = await sides[move.side].writer.write([reading(move.trial, move.value)])
        if move.value == HIGH:
            taken[move.side][move.trial] = at
    return taken


async def outcome(side: Side, taken: Mapping[int, float]) -> Outcome:
    """Wait until every trial has its message, then look at everything that Slack was told."""
    deadline = time.monotonic() + PATIENCE
    calls = await side.slack.ask("calls")
    while len(_tops(calls)) < len(taken) and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        calls = await side.slack.ask("calls")
    tops = _tops(calls)
    return Outcome(
        delays={trial: times[0] - taken[trial] for trial, times in tops.items()},
        tops=Counter({trial: len(times) for trial, times in tops.items()}),
        refused=sum(call["status"] == 429 for call in calls),
    )


def _tops(calls: Sequence[Mapping[str, Any]]) -> dict[int, list[float]]:
    """Return trial -> monotonic seconds at which its messages in the rooms were answered 200.

    Replies in a thread and direct messages are no top messages.
    """
    found = dict[int, list[float]]()
    for call in calls:
        is_top = call["channel"] in ROOMS and not call["args"].get("thread_ts")
        if call["method"] == POST and call["done"] and is_top:
            named = re.search(r"trial-(\d+)", json.dumps(call["args"]))
            trial = int(named[1]) if named else -1
            found.setdefault(trial, []).append(call["answered_at"])
    return found


async def run(trials: int) -> list[Outcome]:
    """Start everything, drive the trials, return what became of ours and of theirs."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tocsin-bench-")))
        our_slack, their_slack = await enter(workspace()), await enter(workspace())
        sms = await enter(spawned("twilio"))
        ours = await enter(tocsin.tocsin(folder / "tocsin", slack=our_slack, sms=sms))
        pager = await enter(neighbours.alertmanager(folder / "alertmanager", their_slack))
        theirs = await enter(neighbours.prometheus(folder / "prometheus", pager))
        session = await enter(aiohttp.ClientSession())
        await our_slack.ask("connected")
        sides = [
            Side(
                name="Tocsin",
                writer=Writer(session, ours.address, tocsin.HEADERS),
                slack=our_slack,
            ),
            Side(
                name="Prometheus + Alertmanager",
                writer=Writer(session, theirs.address),
                slack=their_slack,
            ),
        ]
        taken = await drive(sides, trials)
        return [await outcome(*pair) for pair in zip(sides, taken, strict=True)]


def faults(ours: Outcome, trials: int) -> list[str]:
    """Say what of the promise was not kept."""
    wrong = [
        f"trial {trial}: {ours.tops.get(trial, 0)} top messages; expected 1"
        for trial in range(trials)
        if ours.tops.get(trial, 0) != 1
    ]
    strangers = set(ours.tops) - set(range(trials))
    wrong += ["top messages that belong to no trial"] if strangers else []
    if ours.delays and (slow := percentile([*ours.delays.values()], 0.99)) >= LIMIT:
        wrong.append(f"99th percentile {slow:.3f} s; expected under {LIMIT:g} s")
    return wrong


def told(outcomes: Sequence[Outcome], trials: int) -> str:
    """Write the run out: what ran, the figures, the ratio."""
    head = ["2xx -> Slack's 200, ms", "first", "median", "p90", "p99", "max", "messages", "429s"]
    rows, marks = list[list[str]](), list[list[float]]()
    for name, one in zip(("Tocsin", "Prometheus + Alertmanager"), outcomes, strict=True):
        delays = [*one.delays.values()]
        marks.append([one.delays.get(0, float("nan"))])
        marks[-1] += [percentile(delays, share) for share in (0.5, 0.9, 0.99, 1.0)]
        tops = f"{sum(one.tops.values())} of {trials}"
        rows.append([name, *(f"{m * 1000:.0f}" for m in marks[-1]), tops, str(one.refused)])
    ratios = (f"{theirs / ours:.1f}" for ours, theirs in zip(*marks, strict=True))
    rows.append(["theirs / ours", *ratios, "", ""])
    return table(head, rows)


def main() -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(description="From the sample's 2xx to Slack's 200.")
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--quick", action="store_const", const=20, dest="trials", help="20 trials")
    trials = parser.parse_args().trials
    if absent := neighbours.missing():
        print(absent, file=sys.stderr)
        return 2
    versions = f"Tocsin {tocsin.version()}, {neighbours.versions()}"
    print(f"{trials} trials, {PERIOD:g} s apart; {versions}; {machine()}", flush=True)
    outcomes = asyncio.run(run(trials))
    print(told(outcomes, trials))
    wrong = faults(outcomes[0], trials)
    for one in wrong:
        print(f"not kept: {one}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
