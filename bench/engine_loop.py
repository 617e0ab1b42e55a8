"""Our event loop while 100,000 series stream in and rules are judged, and a command meanwhile."""

import asyncio
import time
from pathlib import Path

import aiohttp

from bench.engine_feed import Family, send
from bench.engine_figures import Figure
from bench.engine_rules import EXPRESSIONS
from bench.engine_sides import BLOCKS, watched
from bench.figures import percentile
from bench.processes import Program
from bench.tocsin import HEADERS

SCRAPE = 5.0
"""Seconds between two scrapes of everything."""
COMMAND = 0.25
"""Seconds between two commands."""


async def loop(folder: Path, family: Family, scrapes: int) -> dict[str, Figure]:
    """Stream `scrapes` scrapes, one every five seconds, with five rules over all series in force.

    A command in chat is given four times a second. The first scrape, all series new, counts too.
    """
    async with watched(folder, rules(family)) as program:
        await asyncio.sleep(2.0)
        began = time.monotonic()
        commands = asyncio.create_task(_commands(program))
        await _stream(program, family, scrapes)
        await asyncio.sleep(1.0)
        commands.cancel()
        answered = (await asyncio.gather(commands, return_exceptions=True))[0]
        if isinstance(answered, BaseException):
            raise answered
    late = blocks(folder / BLOCKS, began)
    own = [it - waited for it, waited in late]
    return {
        "event loop, longest block": Figure(
            value=max((it for it, _ in late), default=0.0) * 1000, unit="ms"
        ),
        "event loop, longest but for other programs": Figure(
            value=max(own, default=0.0) * 1000, unit="ms"
        ),
        "event loop, such blocks over 50 ms": Figure(
            value=sum(late > 0.050 for late in own), unit="times"
        ),
        "command in chat, median": Figure(value=percentile(answered, 0.5) * 1000, unit="ms"),
        "command in chat, longest": Figure(value=max(answered) * 1000, unit="ms"),
    }


def rules(family: Family) -> str:
    """Write rules over every series, each a group of its own, judged every five seconds."""
    lines = ["groups:"]
    for number, text in enumerate(EXPRESSIONS.values()):
        expr = text.format(name=family.name)
        rule = f"    rules: [{{alert: Rule{number}, expr: '{expr}'}}]"
        lines += [f"  - name: group-{number}\n    interval: 5s", rule]
    return "\n".join(lines) + "\n"


async def _stream(program: Program, family: Family, scrapes: int) -> None:
    for moment in range(scrapes):
        bodies = await asyncio.to_thread(
            lambda: list(family.bodies(moment, round(time.time() * 1000)))  # noqa: B023
        )
        began = time.monotonic()
        await send(program.address, bodies)
        await asyncio.sleep(max(0.0, SCRAPE - (time.monotonic() - began)))


async def _commands(program: Program) -> list[float]:
    """Give a command four times a second until cancelled; return how long each answer took."""
    found: list[float] = []
    url = f"{program.address}/api/v1/command"
    try:
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            while True:
                began = time.monotonic()
                async with session.post(url, json={"text": "alerts"}) as answer:
                    await answer.read()
                found.append(time.monotonic() - began)
                await asyncio.sleep(COMMAND)
    except asyncio.CancelledError:
        return found


def blocks(notes: Path, since: float) -> list[tuple[float, float]]:
    """Read what the watchdog noted since the monotonic moment `since`.

    By how many seconds the loop came late, and for how many of them other programs had the
    processors, which is not ours to mend.
    """
    lines = (line.split() for line in notes.read_text().splitlines())
    return [(float(late), float(waited)) for at, late, waited in lines if float(at) >= since]
