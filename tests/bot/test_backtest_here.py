"""`tocsin backtest` where no server runs: it reads the data directory itself."""

import asyncio
import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bot.cli import main
from storage.clock import SystemClock
from storage.series.local import LocalSeries, SeriesOptions
from tests.bot.config.town import ENVIRON, SOUND
from tests.bot.queues import RULES, samples


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def stored(place: Path) -> None:
    clock = SystemClock()
    series = await LocalSeries.open(place / "data" / "samples", SeriesOptions(), clock)
    await series.append(samples(clock.utc_now().timestamp() - 1))
    await series.close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder with a configuration, a rule in force, another one to try, and history."""
    for name in ("TOCSIN_TOKEN", "TOCSIN_URL", "TOCSIN_CONFIG", "PORT", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(f"{SOUND}rules: [old.yaml]\n")
    (tmp_path / "old.yaml").write_text(RULES.format(over=80))
    (tmp_path / "new.yaml").write_text(RULES.format(over=30))
    before = logging.getLogger().handlers[:], logging.getLogger().level
    yield tmp_path
    logging.getLogger().handlers[:], level = before
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def tried(*more: str) -> int:
    try:
        main(["backtest", "new.yaml", "--since", "3m", *more])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_history_is_read_without_a_server(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(stored(place))
    assert tried("--format", "json") == 0
    (rule,) = json.loads(capsys.readouterr().out)
    assert (rule["fired"], rule["in_force"]["fired"]) == (3, 2)
    assert [page["people"] for page in rule["pages"]] == [["ada"]]


def test_a_server_that_is_not_there_is_told_and_done_without(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(stored(place))
    assert tried("--token", "t" * 20, "--url", f"http://127.0.0.1:{free_port()}") == 0
    said = capsys.readouterr()
    assert "The rule in force: fired 2 times" in said.out
    assert "Reading the data of config.yaml" in said.err


def test_where_a_server_runs_it_is_to_be_asked(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def running() -> int:
        clock, where = SystemClock(), place / "data" / "samples"
        series = await LocalSeries.open(where, SeriesOptions(), clock)
        try:
            return await asyncio.to_thread(tried)
        finally:
            await series.close()

    assert asyncio.run(running()) == 1
    assert "Ask the server that runs: TOCSIN_TOKEN or --token" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoil", "arguments", "said"),
    [
        ("", (), "data/samples: no samples are stored here"),
        ("", ("--since", "3"), "'3' has no unit"),
        ("", ("--rule", "Other"), "No alerting rule is called 'Other'"),
        ("new.yaml", (), "new.yaml:1:"),
        ("config.yaml", (), "No token: set TOCSIN_TOKEN or --token"),
    ],
)
def test_what_is_wrong_is_said(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: str,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    if spoil == "config.yaml":
        (place / spoil).unlink()
    elif spoil:
        (place / spoil).write_text("groups: 7")
    assert tried(*arguments) in (1, 2)
    assert said in capsys.readouterr().err
