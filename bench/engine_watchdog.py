"""Tocsin with a watchdog on its event loop: notes whenever the loop came late.

    python bench/engine_watchdog.py FILE serve --config config.yaml

Each line of FILE: monotonic second, and by how many seconds the loop came late to a call that
was due every five milliseconds; only what is over ten milliseconds.
"""

import asyncio
import sys
import time
from pathlib import Path

import bot.app
from bot.cli import main

EVERY, NOTED = 0.005, 0.010


def watch(loop: asyncio.AbstractEventLoop, notes: Path) -> None:
    """Note from now on how late the loop is."""
    file = notes.open("a", buffering=1)
    due = loop.time() + EVERY

    def look() -> None:
        nonlocal due
        late = loop.time() - due
        if late > NOTED:
            file.write(f"{time.monotonic()} {late}\n")
        due = loop.time() + EVERY
        loop.call_at(due, look)

    loop.call_soon(look)


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
