"""The database check against a real PostgreSQL, beside the Tocsin that works on it."""

from pathlib import Path

from storage.sql.database import Database
from tests.bot.doctor.ward import amiss, found, patient, texts
from tests.storage.sql.conftest import order, ready_server_url, server

__all__ = ["ready_server_url", "server"]


async def test_a_sound_server(ready_server_url: str, tmp_path: Path) -> None:
    running = await Database.open(ready_server_url)
    findings = await found(patient(tmp_path, storage={"database": ready_server_url}), "database")
    await running.close()
    assert amiss(findings) == []
    assert texts(findings)[0].endswith("database tocsin: takes changes")
    assert texts(findings)[1].endswith("up to date")


async def test_a_server_that_takes_no_changes(
    server: object, ready_server_url: str, tmp_path: Path
) -> None:
    await order(server, "ALTER DATABASE tocsin SET default_transaction_read_only = on")
    there = patient(tmp_path, storage={"database": ready_server_url})
    ((verdict, text),) = amiss(await found(there, "database"))
    assert (verdict, text.endswith("takes no changes")) == ("fault", True)
