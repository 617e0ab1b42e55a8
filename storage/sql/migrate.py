"""Brings the database to the newest schema: all of it or nothing.

alembic costs memory, so it is imported only where there is something to do.
"""

import asyncio
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.errors import ConfigError
from storage.sql import sqlite_file
from storage.sql.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


async def migrate(database: Database, folder: Path = MIGRATIONS) -> str:
    """Bring `database` to the newest schema in `folder`; return what was done, in a sentence.

    A SQLite database that holds something is copied first, to `<file>.schema-<old>`.
    Raises ConfigError, and changes nothing, where the database is newer than this program.
    """
    known = known_versions(folder)
    newest = known[-1]
    async with database.reading() as tx:
        stands = await stored_version(tx)
    if stands == newest:
        return f"schema {newest}: up to date"
    if stands is not None and stands not in known:
        raise ConfigError(
            f"{database.name}: was written by another Tocsin (schema {stands}; this one knows "
            f"up to {newest}); install that version, or restore the copy from before it"
        )
    saved = await _copy(database, stands)
    async with database.transaction() as tx:
        await tx.run_sync(_upgrade, folder)
    if stands is None:
        return f"schema {newest}: created"
    return f"schema {newest}: brought up from {stands}{saved}"


def known_versions(folder: Path = MIGRATIONS) -> list[str]:
    """Return the versions of the schema that this program knows, the newest last."""
    return sorted(path.stem.split("_")[0] for path in folder.glob("versions/[0-9]*.py"))


async def stored_version(tx: AsyncConnection) -> str | None:
    """Return the schema's version in the database; None where it is empty."""
    tables = await tx.run_sync(lambda connection: inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        return None
    version: str | None = await tx.scalar(text("SELECT version_num FROM alembic_version"))
    return version


async def _copy(database: Database, version: str | None) -> str:
    if database.file is None or version is None:
        return ""
    to = database.file.with_name(f"{database.file.name}.schema-{version}")
    await asyncio.to_thread(sqlite_file.copy, database.file, to)
    return f"; a copy from before is in {to}"


def _upgrade(connection: Connection, folder: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
