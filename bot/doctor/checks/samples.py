"""Where samples are kept: can it be written, and is there room."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from bot.doctor.check import Check, Patient
from bot.doctor.disk import room_left
from routing.finding import Finding, Group


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Write a file of no bytes there and take it away again."""
    folder = (patient.config.storage.directory / "samples").absolute()
    if not patient.config.takes_samples:
        yield group.ok("none are kept: another system answers, and nothing is forwarded")
        return
    there = next(one for one in (folder, *folder.parents) if one.exists())
    try:
        await asyncio.to_thread(_write, there)
    except OSError as error:
        yield group.fault(
            f"{there} cannot be written: {(error.strerror or str(error)).lower()}",
            "let this user write there, or name another folder in storage.directory",
        )
        return
    yield group.ok(f"{folder} can be written" if there == folder else f"{folder} can be made")
    for finding in room_left(there, group):
        yield finding


def _write(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder, prefix=".doctor-") as file:
        file.write(b"x" * 4096)
        file.flush()


CHECK = Check(name="samples", examine=examine)
