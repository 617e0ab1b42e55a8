"""Does it leak? Tocsin under steady work for some minutes, and how its memory goes.

    python -m bench.soak                 twenty minutes; under ten say nothing
    python -m bench.soak --minutes 60

Two thousand series are sent every second, five rules over all of them are judged on arrival, a
dashboard asks for five minutes of history once a second, a command is given each second, and an
alert comes and goes every ten seconds. Each ten seconds the resident set is weighed. What is
printed is the slope of a straight line through the second half of these, in MiB an hour: the
first half is what fills up at first (the five minutes that are asked for, caches of a fixed size).

The head keeps two hours of samples, 16 bytes each: `samples` says how much of the slope they are.
"""

import argparse
import asyncio
import math
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import numpy as np

from bench import engine_sides
from bench.engine_feed import Family, send
from bench.engine_rules import EXPRESSIONS
from bench.engine_sides import TOCSIN
from bench.figures import machine
from bench.processes import Program, weigh
from bench.tocsin import HEADERS

SERIES, EVERY, WEIGHED_EVERY = 2_000, 1.0, 10.0
BYTES_A_SAMPLE = 16
FLAPS = "bench_bucket{instance='10.1.0.0:9100', path='/api/v1/things/0', le='+Inf'} % 20 < 10"


def rules() -> str:
    """Write the rules that are judged meanwhile; the last one comes and goes."""
    lines = ["groups:"]
    expressions = [text.format(name="bench_bucket") for text in EXPRESSIONS.values()]
    for number, expr in enumerate([*expressions, FLAPS]):
        lines += [
            f"  - name: group-{number}\n    interval: 5s",
            f'    rules: [{{alert: Rule{number}, expr: "{expr}"}}]',
        ]
    return "\n".join(lines) + "\n"


async def work(program: Program, seconds: float) -> int:
    """Send, ask and command once a second; return how many samples were sent."""
    family = Family.of("bench_bucket", SERIES)
    began, moment = time.monotonic(), 0
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        while time.monotonic() - began < seconds:
            bodies = list(family.bodies(moment, round(time.time() * 1000)))
            await send(program.address, bodies)
            now = time.time()
            over = {"query": "sum by (job) (rate(bench_bucket[1m]))", "start": f"{now - 300}"}
            more = {"end": f"{now}", "step": "5"}
            await _post(session, f"{program.address}/api/v1/query_range", data={**over, **more})
            await _post(session, f"{program.address}/api/v1/command", json={"text": "alerts"})
            moment += 1
            await asyncio.sleep(max(0.0, began + moment * EVERY - time.monotonic()))
    return moment * SERIES


async def _post(session: aiohttp.ClientSession, url: str, **content: object) -> None:
    async with session.post(url, **content) as answer:  # type: ignore[arg-type]
        if answer.status != 200:
            raise RuntimeError(f"{url}: {answer.status} {await answer.text()}")


async def weighed(program: Program, seconds: float) -> list[float]:
    """Weigh every ten seconds: MiB."""
    found = []
    for _ in range(max(4, math.floor(seconds / WEIGHED_EVERY))):
        await asyncio.sleep(WEIGHED_EVERY)
        found.append(weigh(program.pid).rss)
    return found


async def soak(minutes: float) -> None:
    """Run it and print what came of it."""
    seconds = minutes * 60
    with TemporaryDirectory(prefix="tocsin-soak-") as place:
        async with TOCSIN.start(Path(place) / "soak", rules()) as program:
            before = engine_sides.cpu(program)
            sent, sizes = await asyncio.gather(work(program, seconds), weighed(program, seconds))
            spent = engine_sides.cpu(program) - before
    later = np.array(sizes[len(sizes) // 2 :])
    slope = float(np.polyfit(np.arange(len(later)), later, 1)[0]) * 3600 / WEIGHED_EVERY
    held = sent / seconds * BYTES_A_SAMPLE * 3600 / (1 << 20)
    print(" ".join(f"{size:.0f}" for size in sizes), "MiB")
    print(
        f"{sent:,} samples; {spent / seconds:.2f} processors; RSS {sizes[0]:.0f} -> "
        f"{sizes[-1]:.0f} MiB; second half: {slope:+.0f} MiB an hour, "
        f"of which samples {held:+.0f}"
    )


def main() -> int:
    """Run the soak; return the exit code."""
    parser = argparse.ArgumentParser(description="Does it leak?")
    parser.add_argument("--minutes", type=float, default=20.0)
    chosen = parser.parse_args()
    print(f"{SERIES:,} series a second; {machine()}", flush=True)
    asyncio.run(soak(chosen.minutes))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
