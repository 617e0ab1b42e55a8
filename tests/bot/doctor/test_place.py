"""What stands on this machine: database, samples, rules, clock, and whether Tocsin runs."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.doctor import disk
from storage.clock import SystemClock
from storage.sql import phones
from storage.sql.database import Database
from tests.bot.doctor.test_wires import Listener
from tests.bot.doctor.ward import amiss, found, patient, texts
from tests.databases import new_database
from tests.fakes import ManualClock

RULES = """\
groups:
  - name: shop
    rules:
      - {alert: Slow, expr: latency > 1}
"""


@pytest.fixture
async def laid_out(tmp_path: Path) -> Path:
    """A database as a start leaves it; it is closed again."""
    path = tmp_path / "data" / "tocsin.db"
    path.parent.mkdir()
    await (await new_database(path)).close()
    return path


async def test_a_sound_database_beside_a_running_tocsin(laid_out: Path, tmp_path: Path) -> None:
    running = await Database.open(str(laid_out))
    findings = await found(patient(tmp_path), "database")
    await running.close()
    assert amiss(findings) == []
    assert texts(findings)[:2] == [f"{laid_out} is whole", "can be written"]
    assert texts(findings)[-1].endswith("up to date")


async def test_before_the_first_start(tmp_path: Path) -> None:
    findings = await found(patient(tmp_path), "database")
    assert amiss(findings) == []
    assert "the first start makes it" in findings[0].text
    assert not (tmp_path / "data").exists(), "a look makes nothing"


async def test_a_locked_database(
    laid_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.doctor.checks.database.LOCKED", 0.1)
    with closing(sqlite3.connect(laid_out, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        told = amiss(await found(patient(tmp_path), "database"))
    ((verdict, text),) = told
    assert (verdict, "another program holds it locked" in text) == ("fault", True)


async def test_a_damaged_database(laid_out: Path, tmp_path: Path) -> None:
    laid_out.write_bytes(laid_out.read_bytes()[:5000])
    ((verdict, text),) = amiss(await found(patient(tmp_path), "database"))
    assert (verdict, "is damaged" in text) == ("fault", True)


async def test_schemas_of_other_versions(laid_out: Path, tmp_path: Path) -> None:
    def stands(version: str) -> None:
        with closing(sqlite3.connect(laid_out)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", [version])

    stands("9999")
    ((verdict, text),) = amiss(await found(patient(tmp_path), "database"))
    assert (verdict, text.startswith("schema 9999 is newer")) == ("fault", True)


async def test_a_server_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://tocsin:hunter2hunter2@127.0.0.1:9/tocsin"
    there = patient(tmp_path, storage={"database": url})
    ((verdict, text),) = amiss(await found(there, "database"))
    assert (verdict, "postgresql://127.0.0.1:9/tocsin" in text) == ("fault", True)
    assert "hunter2" not in text


async def test_phones_that_are_stopped_or_not_confirmed(laid_out: Path, tmp_path: Path) -> None:
    opened, now = await Database.open(str(laid_out)), SystemClock().utc_now()
    async with opened.transaction() as tx:
        await phones.note(tx, "+14155552601", stopped_at=now)
    assert [verdict for verdict, _ in amiss(await found(patient(tmp_path), "phones"))] == [
        "fault",
        "warning",
    ]
    async with opened.transaction() as tx:
        await phones.note(tx, "+14155552601", stopped_at=None, verified_at=now)
        await phones.note(tx, "+14155552602", verified_at=now)
    await opened.close()
    findings = await found(patient(tmp_path), "phones")
    assert amiss(findings) == []
    assert texts(findings)[0] == "+14155552601 of ada is confirmed"


async def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "FAULT_BELOW", 1 << 60)
    ((verdict, text),) = amiss(await found(patient(tmp_path), "samples"))
    assert (verdict, "free on the disk of" in text) == ("fault", True)


async def test_samples_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, and no folder")
    ((verdict, text),) = amiss(await found(patient(tmp_path), "samples"))
    assert (verdict, "cannot be written" in text) == ("fault", True)


async def test_rules_are_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    there = patient(tmp_path, rules=["rules.yaml"])
    findings = await found(there, "rules")
    assert texts(findings)[0] == "files 1, groups 1, rules 1"
    assert [verdict for verdict, _ in amiss(findings)] == ["warning"]
    path.write_text(RULES.replace("latency >", "latency >>"))
    ((verdict, text),) = amiss(await found(there, "rules"))
    assert (verdict, "rules.yaml:4" in text) == ("fault", True)


def vendor(listener: Listener) -> dict[str, Any]:
    tokens = {"bot_token": "xoxb-nobody", "app_token": "xapp-nobody"}
    return {"channels": {"slack": {**tokens, "api_url": f"{listener.url}/api/"}}}


@pytest.mark.parametrize(
    ("off", "verdict"), [(0, []), (15, ["warning"]), (-15, ["warning"]), (300, ["fault"])]
)
async def test_the_clock_is_compared_with_a_vendors(
    tmp_path: Path, off: int, verdict: list[str]
) -> None:
    clock = ManualClock(SystemClock().utc_now() + timedelta(seconds=off))
    async with Listener() as listener:
        told = amiss(await found(patient(tmp_path, clock=clock, **vendor(listener)), "clock"))
    assert [verdict for verdict, _ in told] == verdict


async def test_nobody_runs_and_somebody_else_does(tmp_path: Path) -> None:
    (only,) = await found(patient(tmp_path), "server")
    assert (str(only.verdict), only.text) == ("ok", "does not run at http://127.0.0.1:1")
    async with Listener() as listener:
        place = listener.url.removeprefix("http://")
        there = patient(tmp_path, server={"listen": place, "public_url": "http://127.0.0.1:1"})
        ready, links = await found(there, "server")
    assert ready.text.endswith("runs at " + listener.url + " and is ready")
    assert (str(links.verdict), "lead nowhere from here" in links.text) == ("warning", True)
