"""A PostgreSQL database for each storm: empty before it, gone behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

NAME = "tocsin_storm"


@asynccontextmanager
async def emptied(server: str) -> AsyncIterator[str]:
    """Make the database while the block lasts; return its address.

    server: postgresql://user:password@host:port, of somebody who may create databases.
    """
    address = urlsplit(server)._replace(path=f"/{NAME}").geturl()
    await _run(server, f"DROP DATABASE IF EXISTS {NAME}", f"CREATE DATABASE {NAME}")
    try:
        yield address
    finally:
        await _run(server, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


async def _run(server: str, *statements: str) -> None:
    connection = await asyncpg.connect(server, database="postgres")
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
