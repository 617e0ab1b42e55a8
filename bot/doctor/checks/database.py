"""The incident database: there, whole, writable, of this version, with room on its disk."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import text

from bot.config.build import database_url
from bot.doctor.check import Check, Patient
from bot.doctor.disk import room_left
from routing.finding import Finding, Group
from storage.errors import BotError
from storage.sql import sqlite_file
from storage.sql.database import address_of
from storage.sql.look import looking
from storage.sql.migrate import known_versions, stored_version

LOCKED = 3.0  # seconds to wait for the right to write
ADVICE = "look at what it says; nothing is decided or delivered without it"


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Look at a file or a server; neither is changed."""
    url = database_url(patient.config)
    try:
        where = address_of(url)
        if isinstance(where, Path):
            async for finding in _file(where, group):
                yield finding
            if not where.exists():
                return
        else:
            yield await _server(url, group)
        yield await _version(url, group)
    except BotError as error:
        yield group.fault(str(error), ADVICE)


async def _file(path: Path, group: Group) -> AsyncIterator[Finding]:
    if not path.exists():
        yield group.ok(f"{path} is not there yet: the first start makes it")
        return
    await asyncio.to_thread(sqlite_file.prepare, path, LOCKED)
    yield group.ok(f"{path} is whole")
    await asyncio.to_thread(sqlite_file.prove_writable, path, LOCKED)
    yield group.ok("can be written")
    for finding in room_left(path.parent, group):
        yield finding


async def _server(url: str, group: Group) -> Finding:
    async with looking(url) as tx:
        version = await tx.scalar(text("SHOW server_version"))
        name = await tx.scalar(text("SELECT current_database()"))
        standby = await tx.scalar(text("SELECT pg_is_in_recovery()"))
        read_only = await tx.scalar(text("SHOW default_transaction_read_only"))
    said = f"PostgreSQL {version}, database {name}"
    if standby or read_only == "on":
        advice = "name the primary server in storage.database"
        return group.fault(f"{said}: takes no changes", advice)
    return group.ok(f"{said}: takes changes")


async def _version(url: str, group: Group) -> Finding:
    known = known_versions()
    async with looking(url) as tx:
        stands = await stored_version(tx)
    if stands is None:
        return group.ok("empty: the first start lays it out")
    if stands not in known:
        return group.fault(
            f"schema {stands} is newer than this Tocsin knows ({known[-1]})",
            "install the Tocsin that wrote it, or restore the copy from before it",
        )
    if stands != known[-1]:
        return group.warning(
            f"schema {stands}; this Tocsin works with {known[-1]}",
            "the next start brings it up; `tocsin migrate` does so now",
        )
    return group.ok(f"schema {stands}: up to date")


CHECK = Check(name="database", examine=examine)
