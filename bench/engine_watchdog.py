"""Tocsin with a watchdog on its event loop: notes whenever the loop came late.

    python bench/engine_watchdog.py FILE serve --config config.yaml

Each line of FILE: monotonic second, by how many seconds the loop came late to a call that was due
every five milliseconds, and for how many of these its thread was ready to run and other programs
had the processors; only what is over ten milliseconds.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import TextIO

import bot.app
from bot.cli import main

EVERY, NOTED = 0.005, 0.010


def watch(loop: asyncio.AbstractEventLoop, notes: Path) -> None:
    """Note from now on how late the loop is."""
    file = notes.open("a", buffering=1)
    own = Path("/proc/thread-self/schedstat").open()  # noqa: SIM115  as long as the program
    due, waited = loop.time() + EVERY, _waited(own)

    def look() -> None:
        nonlocal due, waited
        late, before = loop.time() - due, waited
        waited = _waited(own)
        if late > NOTED:
            file.write(f"{time.monotonic()} {late} {waited - before}\n")
        due = loop.time() + EVERY
        loop.call_at(due, look)

    loop.call_soon(look)


def _waited(schedstat: TextIO) -> float:
    """Return for how many seconds the thread has waited for a processor in all."""
    schedstat.seek(0)
    return int(schedstat.read().split()[1]) / 1e9


def run(notes: Path) -> None:
    """Run the command line with a loop that is watched."""
    make = bot.app._loop

    def make_watched() -> asyncio.AbstractEventLoop:
        loop = make()
        watch(loop, notes)
        return loop

    bot.app._loop = make_watched
    main()


if __name__ == "__main__":
    place = Path(sys.argv.pop(1))
    run(place)
