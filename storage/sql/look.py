"""A look into the incident database from outside, whether or not a Tocsin works on it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.errors import ConfigError
from storage.sql import postgres, sqlite_file
from storage.sql.database import address_of
from storage.sql.outages import explained


@asynccontextmanager
async def looking(url: str, patience: float = 2.0) -> AsyncIterator[AsyncConnection]:
    """Open the database to read and nothing else: no lease is taken, nothing is made.

    url: as `Database.open` takes it.
    Raises ConfigError where the address is wrong, StorageUnavailable where nobody answers.
    """
    where = address_of(url)
    if isinstance(where, Path):
        # Asked first: a connection that fails leaves its thread to end when it likes.
        if not where.exists():
            raise ConfigError(f"{where}: there is no database yet; `tocsin serve` makes it")
        name, engine = str(where), sqlite_file.reader(where, patience)
    else:
        there = postgres.address(where)
        name, engine = postgres.name(there), postgres.alone(there)
    try:
        with explained(name):
            async with AsyncExitStack() as stack:
                # While connecting any OSError is the database's; later it may be the caller's.
                with explained(name, OSError):
                    tx = await stack.enter_async_context(engine.connect())
                yield tx
    finally:
        await engine.dispose()
