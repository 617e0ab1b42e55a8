"""Remote write: new series, known series, what they weigh, and how soon all is back."""

import asyncio
import time
from pathlib import Path

from bench.engine_feed import Family, send
from bench.engine_figures import Figure
from bench.engine_sides import Side, ask, cpu, folder_bytes, quiet
from bench.processes import Program, weigh

EVERY = 25
"""Seconds between two scrapes; ten of them fit into the five minutes that rules look at."""


async def fill(program: Program, family: Family, scrapes: int) -> dict[str, Figure]:
    """Send `scrapes` scrapes, the last of them taken now."""
    now = round(time.time() * 1000)
    stamps = [now - (scrapes - 1 - moment) * EVERY * 1000 for moment in range(scrapes)]
    first, *others = (list(family.bodies(moment, at)) for moment, at in enumerate(stamps))
    series = len(family.encoded)
    found = {}
    for what, bodies, samples in (
        ("new series", [first], series),
        ("remote write", others, series * (scrapes - 1)),
    ):
        before = cpu(program)
        seconds = await send(program.address, *bodies)
        spent = cpu(program) - before
        found[what] = Figure(value=samples / seconds, unit="a second", more_is_better=True)
        found[f"{what}: processor time"] = Figure(
            value=spent / samples * 1e6, unit="CPU s a million"
        )
    return found


async def weight(program: Program, folder: Path, samples: int) -> dict[str, Figure]:
    """Weigh it when it has come to rest."""
    await quiet(program, 20.0)
    size = folder_bytes(folder / "data")
    return {
        "RSS": Figure(value=weigh(program.pid).rss, unit="MiB"),
        "not yet compacted, on disk": Figure(value=size / samples, unit="bytes a sample"),
    }


async def restart(side: Side, folder: Path, family: Family) -> dict[str, Figure]:
    """Start again on what was written; until a query about all series is answered."""
    began = time.monotonic()
    async with side.start(folder, "groups: []\n") as program:
        while True:
            _, body = await ask(program, "query", query=f"count({family.name})")
            if f'"{len(family.encoded)}"'.encode() in body:
                break
            await asyncio.sleep(0.01)
        seconds = time.monotonic() - began
        spent = cpu(program)
    return {"restart, to the first answer": Figure(value=seconds, unit="s", cpu=spent)}
