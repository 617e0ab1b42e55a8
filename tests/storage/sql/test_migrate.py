"""Migrations: from nothing, again, half-way, and what is newer than we are."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from storage.errors import ConfigError
from storage.sql import (
    meta,
    schema_reports,  # noqa: F401  its tables stand in the same metadata
)
from storage.sql.database import Database
from storage.sql.migrate import MIGRATIONS, migrate, stored_version
from storage.sql.schema import metadata

NEWEST = max(path.stem.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
FURTHER = f"{int(NEWEST) + 1:04}"
NEXT = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{further}", "{newest}"

def upgrade():
    op.add_column("meta", sa.Column("extra", sa.Text()))
    op.execute("UPDATE meta SET value = 'touched'")
    {last}
"""
BEFORE_URGENCY = "0008"
INCIDENT = """
INSERT INTO incidents (id, "group", group_digest, title, severity, category, status, policy,
  opened_at, round, step, firing, total, rung, quiet, undelivered, version)
VALUES (:incident, 'g', 'g', 't', 'critical', 'errors', 'triggered', '{}', :at, 0, 0, 2, 2, '[]',
  false, false, 1)
"""
ALERT = """
INSERT INTO alerts (incident, fingerprint, labels, annotations, status, starts_at, source)
VALUES (:incident, :fingerprint, :labels, '{}', 'firing', :at, 'rules')
"""


@pytest.fixture
async def bare(url: str) -> AsyncIterator[Database]:
    opened = await Database.open(url)
    yield opened
    await opened.close()


def newer(folder: Path, last: str = "") -> Path:
    """A copy of the migrations with one more step."""
    migrations = folder / "migrations"
    shutil.copytree(MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    step = NEXT.format(further=FURTHER, newest=NEWEST, last=last)
    (migrations / "versions" / f"{FURTHER}_extra.py").write_text(step)
    return migrations


async def test_from_nothing_and_once_more(bare: Database) -> None:
    assert await migrate(bare) == f"schema {NEWEST}: created"
    assert await migrate(bare) == f"schema {NEWEST}: up to date"


async def test_the_migrations_make_what_the_schema_says(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with database.transaction() as tx:
        assert await tx.run_sync(differences) == []


async def test_a_step_further_keeps_a_copy(database: Database, tmp_path: Path) -> None:
    async with database.transaction() as tx:
        await meta.put(tx, "key", "old")
    done = await migrate(database, newer(tmp_path))
    assert done.startswith(f"schema {FURTHER}: brought up from {NEWEST}")
    async with database.reading() as tx:
        assert await meta.get(tx, "key") == "touched"
    if database.file is not None:
        copy = database.file.with_name(f"tocsin.db.schema-{NEWEST}")
        assert str(copy) in done
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("SELECT * FROM meta").fetchall() == [("key", "old")]


async def test_half_a_migration_is_none(database: Database, tmp_path: Path) -> None:
    async with database.transaction() as tx:
        await meta.put(tx, "key", "old")
    with pytest.raises(ZeroDivisionError):
        await migrate(database, newer(tmp_path, last="1 / 0"))
    async with database.reading() as tx:
        assert await stored_version(tx) == NEWEST
        assert (await tx.execute(text("SELECT * FROM meta"))).all() == [("key", "old")]
    assert await migrate(database) == f"schema {NEWEST}: up to date"


async def test_a_newer_schema_is_refused(database: Database, tmp_path: Path) -> None:
    await migrate(database, newer(tmp_path))
    with pytest.raises(
        ConfigError, match=rf"another Tocsin \(schema {FURTHER}; this one knows up to {NEWEST}"
    ):
        await migrate(database)


def test_alembic_stays_away_where_nothing_is_to_do(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from storage.sql.database import Database\n"
        "from storage.sql.migrate import migrate\n"
        "async def main():\n"
        "    database = await Database.open(sys.argv[1])\n"
        "    print(await migrate(database), 'alembic' in sys.modules, 'asyncpg' in sys.modules)\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "tocsin.db")]
    said = [subprocess.check_output(command, text=True) for _ in range(2)]
    assert said == [
        f"schema {NEWEST}: created True False\n",
        f"schema {NEWEST}: up to date False False\n",
    ]


async def test_what_the_labels_say_stands_beside_alerts_of_before(
    bare: Database, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    shutil.copytree(MIGRATIONS, old, ignore=shutil.ignore_patterns("__pycache__"))
    for step in (old / "versions").glob("[0-9]*.py"):
        if step.stem.partition("_")[0] > BEFORE_URGENCY:
            step.unlink()
    await migrate(bare, old)
    values = {"severity": "Critical ", "category": "errors", "alertname": "Disk"}
    row = {"incident": 1, "labels": json.dumps(values), "at": datetime(2026, 3, 1, tzinfo=UTC)}
    async with bare.transaction() as tx:
        if tx.dialect.name == "sqlite":
            row["at"] = "2026-03-01T00:00:00.000000Z"
        await tx.execute(text(INCIDENT), row)
        for fingerprint in ("a", "b"):
            await tx.execute(text(ALERT), row | {"fingerprint": fingerprint})
    await migrate(bare)
    async with bare.reading() as tx:
        found = await tx.execute(text("SELECT rank, category, name FROM alerts"))
        assert [tuple(it) for it in found] == [(0, "errors", "Disk")] * 2
