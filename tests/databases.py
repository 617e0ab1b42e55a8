"""New databases on SQLite: the schema is made once a run, and copied."""

from pathlib import Path
from tempfile import TemporaryDirectory

from storage.sql.database import Database
from storage.sql.migrate import migrate

_schema: list[bytes] = []


async def new_database(path: Path) -> Database:
    """Open a database of its own at `path`, with the newest schema and nothing in it."""
    await lay_out(path)
    return await Database.open(str(path))


async def lay_out(path: Path) -> None:
    """Put a file at `path`, with the newest schema and nothing in it."""
    if not _schema:
        _schema.append(await _migrated())
    path.write_bytes(_schema[0])


async def _migrated() -> bytes:
    with TemporaryDirectory(prefix="schema-of-tests-") as folder:
        file = Path(folder) / "new.db"
        database = await Database.open(str(file))
        await migrate(database)
        await database.close()
        return file.read_bytes()
