"""One rule over every series, and a thousand rules over a hundred series each."""

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import aiohttp

from bench.engine_feed import Family
from bench.engine_figures import Figure
from bench.engine_sides import Side, ask, cpu
from bench.processes import Program
from bench.tocsin import HEADERS

EXPRESSIONS: Mapping[str, str] = {
    "threshold": "{name} > 5e6",
    "rate[5m]": "rate({name}[5m]) > 1e4",
    "avg_over_time[5m]": "avg_over_time({name}[5m]) > 3e6",
    "sum by": "sum by (job) ({name}) > 6e6",
    "histogram_quantile": "histogram_quantile(0.9, {name}) > 3",
}
"""Rules as they are when next to nothing is wrong."""

RULES = 1_000
INTERVAL = 3
"""Seconds."""
MANY: Mapping[str, str] = {
    "threshold": '{name}{{instance="{instance}"}} > 1e18',
    "rate[5m]": 'rate({name}{{instance="{instance}"}}[5m]) > 1e18',
    "histogram_quantile": 'histogram_quantile(0.9, {name}{{instance="{instance}"}}) > 1e18',
}
LAST = re.compile(r"^prometheus_rule_group_last_duration_seconds\{.*\} (\S+)$", re.MULTILINE)


async def scans(program: Program, family: Family, times: int) -> dict[str, Figure]:
    """Ask each rule's expression by `/api/v1/query`, one after the other: median of `times`.

    The first answer is not counted; what stands in the answer is the alerts alone.
    """
    found = {}
    for name, text in EXPRESSIONS.items():
        query = text.format(name=family.name)
        await ask(program, "query", query=query)
        before = cpu(program)
        seconds = [(await ask(program, "query", query=query))[0] for _ in range(times)]
        spent = (cpu(program) - before) / times
        what = f"{name}, {len(family.encoded):,} series"
        found[what] = Figure(value=median(seconds) * 1000, unit="ms", cpu=spent)
    return found


async def alerts(program: Program, family: Family) -> dict[str, int]:
    """Return how many alerts each rule has, to see that all sides answer the same."""
    found = {}
    for name, text in EXPRESSIONS.items():
        _, body = await ask(program, "query", query=text.format(name=family.name))
        found[name] = len(json.loads(body)["data"]["result"])
    return found


async def thousand(side: Side, folder: Path, family: Family, times: int) -> dict[str, Figure]:
    """Judge a group of a thousand rules: prometheus_rule_group_last_duration_seconds, median."""
    found = {}
    for name, text in MANY.items():
        async with side.start(folder, _group(text, family)) as program:
            before, began = cpu(program), len(await _durations(program, 1))
            seconds = await _durations(program, began + times)
            spent = (cpu(program) - before) / max(1, len(seconds))
        figure = Figure(value=median(seconds) * 1000, unit="ms", cpu=spent)
        found[f"{RULES:,} rules, {name}, 100 series each"] = figure
    return found


def _group(text: str, family: Family) -> str:
    lines = [f"groups:\n  - name: many\n    interval: {INTERVAL}s\n    rules:"]
    for number in range(RULES):
        instance = f"10.1.{number // 250}.{number % 250}:9100"
        expr = text.format(name=family.name, instance=instance)
        lines.append(f"      - {{alert: Many{number}, expr: '{expr}'}}")
    return "\n".join(lines) + "\n"


async def _durations(program: Program, wanted: int) -> list[float]:
    """Watch the gauge until it showed `wanted` different durations."""
    seen: list[float] = []
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        while len(seen) < wanted:
            async with session.get(f"{program.address}/metrics") as answer:
                shown = LAST.search(await answer.text())
            if shown and (seconds := float(shown[1])) > 0 and seconds not in seen:
                seen.append(seconds)
            await asyncio.sleep(0.25)
    return seen[1:] or seen
