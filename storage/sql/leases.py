"""One Tocsin for one database: who holds it, and who comes second is told so.

SQLite: a lock on `<file>.lock`, which the system lets go when the process ends, however it
ends. PostgreSQL: an advisory lock, which lives as long as the connection that took it.
"""

import asyncio
import fcntl
import os
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.errors import ConfigError, StorageUnavailable

ADVISORY_KEY = int.from_bytes(b"tocsin")
"""What replicas agree on; PostgreSQL keeps it apart for each database."""

HOLDER = text(
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND ((classid::bigint << 32) | objid::bigint) = :key"
    " AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Lease(Protocol):
    """The right to be the only one."""

    async def keep(self) -> None:
        """Make sure that it is still ours; raises StorageUnavailable."""
        ...

    async def release(self) -> None:
        """Let the next one have it."""
        ...


class FileLease:
    """A lock on `<file>.lock`; the file stays behind and means nothing by itself."""

    def __init__(self, database: Path) -> None:
        """Take it; raises ConfigError naming the process that has it."""
        path = database.with_name(database.name + ".lock")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be created: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._file, 100).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise ConfigError(_taken(str(database), f"process {holder}")) from error
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    async def keep(self) -> None:
        """Do nothing: the system never takes it away."""

    async def release(self) -> None:
        """Let it go."""
        os.close(self._file)


class AdvisoryLease:
    """PostgreSQL's advisory lock on a connection of its own."""

    def __init__(self, engine: AsyncEngine, name: str) -> None:
        self._engine, self._name = engine, name
        self._connection: AsyncConnection | None = None
        self._wire: Any = None  # asyncpg's connection, which knows when the server hung up
        self._taking = asyncio.Lock()

    async def take(self, patience: float) -> None:
        """Take it within `patience` seconds; raises ConfigError naming who has it.

        A server needs a moment to notice that a killed process is gone.
        """
        rest = patience
        while (holder := await self._try()) is not None:
            if rest <= 0:
                raise ConfigError(_taken(self._name, holder))
            rest -= 0.1
            await asyncio.sleep(0.1)

    async def keep(self) -> None:
        """Take it again after the connection was lost; raises StorageUnavailable if too late."""
        if not self._wire.is_closed():
            return
        async with self._taking:
            if self._wire.is_closed() and (holder := await self._try()) is not None:
                raise StorageUnavailable(_taken(self._name, holder))

    async def release(self) -> None:
        """Let it go with its connection."""
        await self._hang_up()
        await self._engine.dispose()

    async def _try(self) -> str | None:
        """Connect and take it; return the holder's name where it is not to be had."""
        await self._hang_up()
        connection = await self._engine.connect()
        key = {"key": ADVISORY_KEY}
        try:
            if await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), key):
                raw = await connection.get_raw_connection()
                self._connection, self._wire = connection, raw.driver_connection
                return None
            holder = await connection.scalar(HOLDER, key) or "unknown"
        except BaseException:
            await connection.close()
            raise
        await connection.close()
        return str(holder)

    async def _hang_up(self) -> None:
        if self._connection is not None:
            await self._connection.invalidate()
            await self._connection.close()
            self._connection = None


def _taken(name: str, holder: str) -> str:
    return (
        f"{name}: another Tocsin ({holder}) already works on this database; "
        "stop it first, or give this one a database of its own"
    )
