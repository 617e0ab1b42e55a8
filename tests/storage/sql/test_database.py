"""The door to the database: what it refuses, what it waits for, how it comes back."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.errors import ConfigError, NotAllowed, StorageUnavailable
from storage.sql import meta
from storage.sql.database import Database
from storage.sql.migrate import migrate

LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tocsin.db"


@pytest.fixture
async def opened(file: Path) -> AsyncIterator[Database]:
    """A file whose owner gives up on foreign locks quickly."""
    database = await Database.open(str(file), patience=0.1)
    await migrate(database)
    yield database
    await database.close()


async def put(database: Database, value: str) -> None:
    async with database.transaction() as tx:
        await meta.put(tx, "key", value)


async def get(database: Database) -> str | None:
    async with database.reading() as tx:
        return await meta.get(tx, "key")


async def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    await put(database, "old")

    async def refused() -> None:
        async with database.transaction() as tx:
            await meta.put(tx, "key", "new")
            raise NotAllowed("no")

    with pytest.raises(NotAllowed, match="no"):
        await refused()
    assert await get(database) == "old"


async def test_many_writers_and_readers_at_once(database: Database) -> None:
    async def count() -> None:
        async with database.transaction() as tx:
            await tx.execute(text("UPDATE meta SET value = CAST(CAST(value AS INT) + 1 AS TEXT)"))

    await put(database, "0")
    await asyncio.gather(*(task for _ in range(50) for task in (count(), get(database))))
    assert await get(database) == "50"


async def test_a_snapshot_neither_waits_nor_changes(database: Database) -> None:
    await put(database, "old")
    async with database.reading() as snapshot:
        assert await meta.get(snapshot, "key") == "old"
        await put(database, "new")
        assert await meta.get(snapshot, "key") == "old"
    assert await get(database) == "new"
    async with database.transaction() as tx:
        await meta.put(tx, "key", "unseen")
        assert await get(database) == "new"


async def test_a_snapshot_cannot_write(database: Database) -> None:
    with pytest.raises((StorageUnavailable, DBAPIError)):
        async with database.reading() as tx:
            await meta.put(tx, "key", "value")
    await put(database, "fine")


async def test_a_bug_is_not_an_outage(database: Database) -> None:
    with pytest.raises(DBAPIError, match="nonsense"):
        async with database.transaction() as tx:
            await tx.execute(text("SELECT * FROM nonsense"))


async def test_a_cancelled_writer_leaves_nothing_behind(database: Database) -> None:
    await put(database, "0")

    async def slow(started: asyncio.Event) -> None:
        async with database.transaction() as tx:
            await meta.put(tx, "key", "cancelled")
            started.set()
            for _ in range(10_000):
                await meta.put(tx, "key", "cancelled")

    for delay in (0.0, 0.001, 0.004):
        started = asyncio.Event()
        task = asyncio.create_task(slow(started))
        await started.wait()
        waiting = asyncio.create_task(slow(asyncio.Event()))
        await asyncio.sleep(delay)
        waiting.cancel()
        task.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)
        assert await get(database) == "0"
        await put(database, "0")


async def test_closed_is_closed(database: Database) -> None:
    await database.close()
    await database.close()
    with pytest.raises(StorageUnavailable, match="is closed"):
        await put(database, "value")


async def test_a_second_start_is_told_who_is_there(url: str) -> None:
    first = await Database.open(url)
    with pytest.raises(ConfigError, match=r"another Tocsin \(.*process \d+\)") as refused:
        await Database.open(url, patience=0.1)
    assert "password" not in str(refused.value)
    await first.close()
    second = await Database.open(url, patience=5)
    await second.close()


async def test_a_foreign_lock_is_an_outage_that_ends(opened: Database, file: Path) -> None:
    await put(opened, "old")
    pipe = asyncio.subprocess.PIPE
    locker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOCKER, str(file), stdin=pipe, stdout=pipe
    )
    assert locker.stdout is not None
    assert await locker.stdout.readline() == b"locked\n"
    outcomes = await asyncio.gather(
        *(put(opened, f"lost {n}") for n in range(20)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {StorageUnavailable}
    reason = f"the incident database {file} is not available: another program holds it locked"
    assert {str(outcome) for outcome in outcomes} == {reason}
    assert await get(opened) == "old", "readers are not concerned"
    await locker.communicate(b"\n")
    await put(opened, "new")
    assert await get(opened) == "new"


async def test_a_full_disk_is_an_outage_that_ends(opened: Database) -> None:
    async with opened.transaction() as tx:
        size = await tx.scalar(text("PRAGMA page_count"))
        await tx.execute(text(f"PRAGMA max_page_count = {size + 2}"))
    with pytest.raises(StorageUnavailable, match="the disk is full"):
        await put(opened, "x" * 100_000)
    await put(opened, "small")
    async with opened.transaction() as tx:
        await tx.execute(text("PRAGMA max_page_count = 1000000"))
    await put(opened, "x" * 100_000)


async def test_what_is_committed_is_on_disk(opened: Database) -> None:
    async with opened.transaction() as tx:
        pragmas = [
            await tx.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]


async def test_only_the_owner_may_read_the_file(opened: Database, file: Path) -> None:
    await put(opened, "value")
    assert {path.stat().st_mode & 0o777 for path in file.parent.iterdir()} == {0o600}


def cut(file: Path, size: int) -> None:
    with file.open("r+b") as stream:
        stream.truncate(size)


def scramble(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"\x55" * 8192)


def other_program(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda file: cut(file, 0), "is empty"),
        (lambda file: cut(file, 50), "is damaged"),
        (lambda file: cut(file, 4096 * 3), "is damaged"),
        (lambda file: cut(file, 4096 * 3 + 17), "is damaged"),
        (scramble, "is damaged"),
        (lambda file: file.write_text("incidents:\n  - one\n"), "is not an SQLite database"),
        (other_program, "of another program"),
        (lambda file: file.rename(f"{file}-wal"), "is gone, but its journal"),
    ],
    ids=["empty", "header", "pages", "odd", "scrambled", "text", "foreign", "gone"],
)
async def test_a_broken_file_is_refused_and_left_alone(
    opened: Database, file: Path, harm: object, said: str
) -> None:
    await opened.close()
    assert callable(harm)
    harm(file)
    before = file.read_bytes() if file.exists() else None
    with pytest.raises(ConfigError, match=said) as refused:
        await Database.open(str(file))
    assert str(refused.value).startswith(f"{file}: ")
    assert "\n" not in str(refused.value)
    assert (file.read_bytes() if file.exists() else None) == before


async def test_a_crash_loses_nothing(file: Path) -> None:
    program = (
        "import asyncio, os, sys\n"
        "from storage.sql import meta\n"
        "from storage.sql.database import Database\n"
        "from storage.sql.migrate import migrate\n"
        "async def main():\n"
        "    database = await Database.open(sys.argv[1])\n"
        "    await migrate(database)\n"
        "    async with database.transaction() as tx:\n"
        "        await meta.put(tx, 'key', 'promised')\n"
        "    async with database.transaction() as tx:\n"
        "        await meta.put(tx, 'key', 'half')\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    crashing = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(file))
    assert await crashing.wait() == -9
    database = await Database.open(str(file))
    assert await get(database) == "promised"
    await database.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:secret@h/d", "no database is called 'mysql'; known: postgresql, sqlite"),
        ("postgrse://u:secret@h/d", "did you mean 'postgres"),
        ("postgresql://u:secret@h:port/d", "cannot be read"),
        ("sqlite://", "must survive a restart"),
        (":memory:", "must survive a restart"),
        ("sqlite:////no/such/folder/tocsin.db", "the folder /no/such/folder does not exist"),
    ],
)
async def test_a_wrong_address_is_explained(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        await Database.open(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}", "sqlite+aiosqlite:///{}"])
async def test_every_way_to_write_a_path(tmp_path: Path, form: str) -> None:
    path = tmp_path / "odd %41 name?.db" if form == "{}" else tmp_path / "plain.db"
    database = await Database.open(form.format(path))
    await migrate(database)
    assert database.file == path
    assert path.exists()
    await database.close()


async def test_a_server_that_is_not_there(unused_tcp_port: int) -> None:
    url = f"postgres://tocsin:secret@127.0.0.1:{unused_tcp_port}/tocsin?sslmode=disable"
    with pytest.raises(StorageUnavailable, match="is not available: connection refused") as refused:
        await Database.open(url)
    assert "secret" not in str(refused.value)


async def test_a_database_that_the_server_does_not_know(server_url: str) -> None:
    with pytest.raises(ConfigError, match="does not know the database"):
        await Database.open(server_url.replace("/tocsin", "/nowhere"))


async def test_a_server_that_hangs_up(server_url: str) -> None:
    database = await Database.open(server_url)
    await migrate(database)
    kill = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'tocsin'")

    async def cut_off() -> None:
        async with database.transaction() as tx:
            await meta.put(tx, "key", "lost")
            await tx.execute(kill)
            await meta.put(tx, "key", "lost")

    with pytest.raises(StorageUnavailable, match="is not available"):
        await cut_off()
    assert await get(database) is None
    await put(database, "back")
    assert await get(database) == "back"
    with pytest.raises(ConfigError, match="another Tocsin"):
        await Database.open(server_url, patience=0)
    await database.close()


async def test_whoever_took_over_is_respected(server_url: str) -> None:
    first = await Database.open(server_url)
    kill = text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    async with first.transaction() as tx:
        await tx.execute(kill)
    second = await Database.open(server_url)
    with pytest.raises(StorageUnavailable, match="another Tocsin"):
        await put(first, "mine")
    await first.close()
    await second.close()
