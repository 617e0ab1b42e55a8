"""Tocsin in a flood of alerts, and in one while samples stream.

    python -m bench.storm_flood                  5,000 alerts a second for two minutes
    python -m bench.storm_flood --seconds 30
    python -m bench.storm_flood --both           50,000 alerts while 100,000 series stream

Each alert is a new one, in a hundred groups. What is refused (429, 503) is not sent again: the
next batch is due. Memory is weighed each second, health and a command are asked meanwhile.
"""

import argparse
import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from bench import storm_sides, tocsin
from bench.engine_feed import Family, send
from bench.engine_loop import SCRAPE, blocks, rules
from bench.engine_sides import BLOCKS, NO_RULES
from bench.figures import machine, percentile
from bench.processes import Program, weigh
from bench.storm_feed import BATCH, JSON, alerts, bodies, post
from bench.tocsin import PEOPLE, TOKEN

A_SECOND, GROUPS, CALM = 5_000, 100, 120.0
RULE_METRIC = re.compile(r"^prometheus_rule_group_last_duration_seconds\S* (\S+)$", re.MULTILINE)


@dataclass
class Seen:
    """What was seen.

    answers: by status.  taken: alerts.  health, commands: seconds.  sizes: MiB, once a second.
    """

    answers: Counter[int] = field(default_factory=Counter)
    taken: int = 0
    health: list[float] = field(default_factory=list)
    commands: list[float] = field(default_factory=list)
    judging: list[float] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)


async def flood(program: Program, seconds: float, seen: Seen) -> None:
    """Post a batch whenever one is due, whatever became of those before."""
    count = round(A_SECOND * seconds)
    waiting = bodies(alerts(count, GROUPS))
    tasks: set[asyncio.Task[None]] = set()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)) as session:
        began = time.monotonic()
        for number, body in enumerate(waiting):
            await asyncio.sleep(max(0.0, began + number * BATCH / A_SECOND - time.monotonic()))
            size = min(BATCH, count - number * BATCH)  # the last may hold fewer
            task = asyncio.create_task(_post(session, program, body, size, seen))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)


async def _post(
    session: aiohttp.ClientSession, program: Program, body: bytes, size: int, seen: Seen
) -> None:
    url = f"{program.address}/api/v2/alerts"
    async with session.post(url, data=body, headers=JSON) as answer:
        await answer.read()
        seen.answers[answer.status] += 1
        seen.taken += size if answer.ok else 0


async def storm(program: Program, hook: Program, seen: Seen, count: int = 50_000) -> float:
    """Post `count` alerts; return the seconds until all of them were told."""
    began = time.monotonic()
    answers = await post(program.address, bodies(alerts(count, 500)))
    seen.answers.update({200: answers.taken, 429: answers.refused})
    while await _told(hook) < count:
        await asyncio.sleep(0.2)
    return time.monotonic() - began


async def stream(program: Program, family: Family) -> None:
    """Send a scrape of everything every five seconds, until cancelled."""
    moment = 0
    while True:
        began, at = time.monotonic(), round(time.time() * 1000)
        scrape = await asyncio.to_thread(list, family.bodies(moment, at))
        await send(program.address, scrape, token=TOKEN)
        moment += 1
        await asyncio.sleep(max(0.0, SCRAPE - (time.monotonic() - began)))


async def look(program: Program, seen: Seen) -> None:
    """Ask for health, a command and the time that judging takes, once a second, until cancelled."""
    async with aiohttp.ClientSession() as session:
        while True:
            began = time.monotonic()
            async with session.get(f"{program.address}/-/healthy") as answer:
                await answer.read()
            seen.health.append(time.monotonic() - began)
            url, began = f"{program.address}/api/v1/command", time.monotonic()
            async with session.post(url, json={"text": "alerts"}, headers=PEOPLE) as answer:
                await answer.read()
            seen.commands.append(time.monotonic() - began)
            async with session.get(f"{program.address}/metrics") as answer:
                told = RULE_METRIC.findall(await answer.text())
            seen.judging.append(max(map(float, told), default=0.0))
            seen.sizes.append(weigh(program.pid).rss)
            await asyncio.sleep(1.0)


async def _told(hook: Program) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{hook.address}/") as answer:
        return int((await answer.json())["alerts"])


async def _calm(hook: Program, accepted: int) -> float:
    """Return the seconds until everything that was taken has been told; raises where it is not."""
    began = time.monotonic()
    while (said := await _told(hook)) < accepted:
        if time.monotonic() - began > CALM:
            raise RuntimeError(f"lost: {accepted - said} alerts were taken and never told")
        await asyncio.sleep(0.2)
    return time.monotonic() - began


async def run(seconds: float, *, both: bool) -> None:
    """Run it and print what was seen."""
    seen, family = Seen(), Family.of("bench_bucket", 100_000)
    with TemporaryDirectory(prefix="tocsin-flood-") as place:
        folder = Path(place)
        async with storm_sides.hook(folder) as hook:
            given = rules(family) if both else NO_RULES
            side = storm_sides.tocsin(folder / "side", hook.address, "alertname", given)
            async with side as program:
                began = time.monotonic()
                tasks = [asyncio.create_task(look(program, seen))]
                if both:
                    tasks.append(asyncio.create_task(stream(program, family)))
                    await asyncio.sleep(2 * SCRAPE)
                    print(f"all told after {await storm(program, hook, seen):.1f} s")
                else:
                    await flood(program, seconds, seen)
                    calm = await _calm(hook, seen.taken)
                    print(f"all {seen.taken:,} that were taken told {calm:.1f} s after the end")
                await _end(tasks)
                late = blocks(folder / "side" / BLOCKS, began)
    print(told(seen, late))


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for end in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(end, asyncio.CancelledError):
            raise RuntimeError(f"it ended early: {end!r}")  # noqa: TRY004


def told(seen: Seen, late: list[tuple[float, float]]) -> str:
    """Write out what was seen."""
    series = " ".join(f"{size:.0f}" for size in seen.sizes[:: max(1, len(seen.sizes) // 20)])
    own = [at - waited for at, waited in late]
    return "\n".join(
        [
            f"answers: {dict(seen.answers)} requests of {BATCH}",
            f"RSS: {series} MiB; at most {max(seen.sizes):.0f}",
            f"health: median {percentile(seen.health, 0.5) * 1000:.0f} ms, "
            f"longest {max(seen.health) * 1000:.0f} ms",
            f"commands: p95 {percentile(seen.commands, 0.95) * 1000:.0f} ms, "
            f"longest {max(seen.commands) * 1000:.0f} ms",
            f"judging: longest {max(seen.judging):.2f} s of an interval of 5 s",
            f"loop: longest block {max((at for at, _ in late), default=0) * 1000:.0f} ms, "
            f"but for other programs {max(own, default=0) * 1000:.0f} ms; "
            f"{sum(at > 0.05 for at in own)} such over 50 ms",
        ]
    )


def main() -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(description="A flood of alerts.")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--both", action="store_true", help="while 100,000 series stream")
    chosen = parser.parse_args()
    print(f"Tocsin {tocsin.version()}; {machine()}", flush=True)
    asyncio.run(run(chosen.seconds, both=chosen.both))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
