"""The incident database: opened once, by one Tocsin; transactions and snapshots."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.errors import ConfigError, StorageUnavailable, nearest
from storage.sql import postgres, sqlite_file
from storage.sql.leases import AdvisoryLease, FileLease, Lease
from storage.sql.outages import explained, sqlstate

SCHEMES = ("postgresql", "postgres", "sqlite")
POOL = 5  # writers at a time on PostgreSQL; twice as many connections


class Database:
    """SQLite file or PostgreSQL server behind two doors: `transaction` and `reading`.

    An outage (locked by others, disk full, server gone) is StorageUnavailable, with a sentence
    for people; the next attempt connects again by itself. BotErrors of the caller pass.
    """

    def __init__(
        self, *, name: str, writer: AsyncEngine, reader: AsyncEngine, writers: int, lease: Lease
    ) -> None:
        self.name = name
        self._writer, self._reader, self._lease = writer, reader, lease
        self._turn = asyncio.Semaphore(writers)
        self._refusal: StorageUnavailable | None = None
        self._closed = False

    @classmethod
    async def open(cls, url: str, *, patience: float = 2.0) -> "Database":
        """Open a path, `sqlite:///path`, `postgres://...` or `postgresql://...`.

        patience: seconds to wait for a lock that another program holds.
        Raises ConfigError where the address is wrong, the file is damaged or another Tocsin
        has it; StorageUnavailable where the server does not answer.
        """
        where = address_of(url)
        if isinstance(where, Path):
            return await cls._open_file(where, patience)
        return await cls._open_server(postgres.address(where), patience)

    @classmethod
    async def _open_file(cls, path: Path, patience: float) -> "Database":
        if not path.parent.is_dir():
            raise ConfigError(f"{path}: the folder {path.parent} does not exist; create it first")
        lease = FileLease(path)
        try:
            await asyncio.to_thread(sqlite_file.prepare, path, patience)
        except BaseException:
            await lease.release()
            raise
        return cls(
            name=str(path),
            writer=sqlite_file.writer(path, patience),
            reader=sqlite_file.reader(path, patience),
            writers=1,
            lease=lease,
        )

    @classmethod
    async def _open_server(cls, url: URL, patience: float) -> "Database":
        name = postgres.name(url)
        lease = AdvisoryLease(postgres.alone(url), name)
        try:
            with explained(name, OSError):
                await lease.take(patience)
        except BaseException as error:
            await lease.release()
            if isinstance(error, StorageUnavailable) and _misconfigured(error.__cause__):
                raise ConfigError(str(error)) from error.__cause__
            raise
        pool = postgres.pool(url, POOL)
        reader = pool.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        return cls(name=name, writer=pool, reader=reader, writers=POOL, lease=lease)

    @property
    def file(self) -> Path | None:
        """The SQLite file; None on PostgreSQL."""
        return Path(self.name) if self._writer.dialect.name == "sqlite" else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that may write; it commits at the end, or nothing of it happened.

        SQLite: writers take turns in here, so none of them ever meets a lock of our own.
        Who stood in line while the one before was refused is refused as well, at once:
        during an outage nobody waits longer than one attempt takes.
        """
        known = self._refusal
        async with self._turn:
            if self._refusal is not known:
                raise StorageUnavailable(str(self._refusal))
            async with self._begun(self._writer) as tx:
                yield tx

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Begin a snapshot that may not write, waits for no writer and delays none."""
        async with self._begun(self._reader) as tx:
            yield tx

    @asynccontextmanager
    async def _begun(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        if self._closed:
            raise StorageUnavailable(f"the incident database {self.name} is closed")
        async with AsyncExitStack() as stack:
            stack.enter_context(explained(self.name, ConnectionError, TimeoutError))
            try:
                # While connecting any OSError is the database's; later it may be the caller's.
                with explained(self.name, OSError):
                    if engine is self._writer:
                        await self._lease.keep()
                    tx = await stack.enter_async_context(engine.begin())
            except StorageUnavailable as refusal:
                if engine is self._writer:
                    self._refusal = refusal
                raise
            yield tx

    async def close(self) -> None:
        """Close every connection and let the next one have the database; twice is harmless."""
        if self._closed:
            return
        self._closed = True
        await self._reader.dispose()
        await self._writer.dispose()
        await self._lease.release()


def _misconfigured(error: BaseException | None) -> bool:
    """Say whether the server refuses us for good: user, password or database are wrong."""
    return isinstance(error, Exception) and sqlstate(error)[:2] in ("28", "3D")


def address_of(url: str) -> Path | URL:
    """Read what people write as the database's address; raises ConfigError."""
    if "://" not in url:
        if "@" in url and ":" in url:  # an address with a slip; as a path it would be shown
            expected = "expected a file's path, or postgresql://user:password@host/name"
            raise ConfigError(f"the database's address cannot be read; {expected}")
        return _file(url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # its text would show the password
        raise ConfigError("the database's address cannot be read: user:password@host?") from error
    scheme = parsed.drivername.split("+")[0]
    if scheme not in SCHEMES:
        hint = nearest(scheme, SCHEMES)
        raise ConfigError(f"no database is called {scheme!r}; {hint}known: postgresql, sqlite")
    return _file(parsed.database or "") if scheme == "sqlite" else parsed


def _file(path: str) -> Path:
    if path in ("", ":memory:"):
        raise ConfigError("the incident database must survive a restart: give it a file's path")
    return Path(path).expanduser().absolute()
