"""The report worker: a process of its own, so that pandas and matplotlib never weigh on the pager.

It reads jobs from standard input and writes answers to standard output, each a pickled value
after its length in 8 bytes; both ends are this program. It ends when its input ends, so it
never outlives the process that started it.
"""

import pickle
import struct
import sys
from dataclasses import dataclass
from typing import Any, BinaryIO

from bot import reports
from bot.reports.report import Page, Report, Window
from routing.plugins import collect

LENGTH = struct.Struct(">Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One report to build from what was loaded for it."""

    report: str
    loaded: Any
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A finished report: the page, and a PNG for each of its charts."""

    page: Page
    pictures: tuple[bytes, ...]


def write(out: BinaryIO, value: object) -> None:
    """Write one value."""
    body = pickle.dumps(value)
    out.write(LENGTH.pack(len(body)) + body)
    out.flush()


def read(source: BinaryIO) -> Any:
    """Read one value; raises EOFError where the other end is gone."""
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    return pickle.loads(source.read(LENGTH.unpack(head)[0]))


def work(job: Job) -> Built:
    """Build the page and draw its charts."""
    from bot.reports.draw import png

    page = collect(reports, Report)[job.report].build(job.loaded, job.window)
    return Built(page=page, pictures=tuple(png(chart) for chart in page.charts))


def main() -> None:
    """Answer jobs until the input ends; an error is an answer too."""
    source, out = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints must not fall among the answers
    while True:
        try:
            job = read(source)
        except EOFError:
            return
        try:
            answer: Built | str = work(job)
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        write(out, answer)
