"""Evidence: what an incident's rule watched, over a real store; nothing where it cannot be had."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import evidence as module
from bot.evidence import Evidence
from routing.flow.current import Current
from routing.rules.read import read_rules
from storage.errors import MetricsUnavailable
from storage.model.alert import Alert
from storage.model.labels import Labels
from storage.sql import alerts, incidents
from tests.bot.reports.shop import END, Shop
from tests.fakes import NOON
from tests.storage.sql.examples import incident


@pytest.fixture
async def shop(tmp_path: Path) -> Any:
    opened = await Shop.open(tmp_path)
    yield opened
    await opened.close()


async def stage(shop: Shop, tmp_path: Path, expr: str, **labels: str) -> Evidence:
    """Let an incident of a rule `Slow` with this query stand, and samples for it."""
    file = tmp_path / "rules.yaml"
    file.write_text(f"groups:\n- name: g\n  rules:\n  - {{alert: Slow, expr: '{expr}'}}\n")
    object.__setattr__(shop.desks, "rules", Current(read_rules([file])))
    started = NOON - timedelta(minutes=20)
    alert = Alert(labels=Labels.of(alertname="Slow", **labels), starts_at=started, value=7.0)
    async with shop.desks.database.transaction() as tx:
        number = (await incidents.create(tx, incident())).id
        await alerts.upsert(tx, number, [alert])
    for instance, value in (("a", 1.0), ("b", 7.0)):
        series = Labels.of(__name__="level", instance=instance)
        await shop.send([(series, [(END - 60.0 * n, value) for n in range(90, -1, -1)])])
    return Evidence(shop.desks)


async def test_the_value_and_its_limit(shop: Shop, tmp_path: Path) -> None:
    found = await (await stage(shop, tmp_path, "level > 5", instance="b")).plot(1)
    assert found is not None
    assert (found.title, found.limit) == ("Slow", 5.0)
    assert set(found.curves[0].values) == {7.0}
    assert found.times[-1] - found.times[0] >= 3_500


@pytest.mark.parametrize("expr", ["level > level", "absent(level)", "other > 5"])
async def test_nothing_to_show(shop: Shop, tmp_path: Path, expr: str) -> None:
    assert await (await stage(shop, tmp_path, expr, instance="b")).plot(1) is None


async def test_numbers_that_are_away_or_late_hold_nothing_up(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = await stage(shop, tmp_path, "level > 5", instance="b")

    async def away(*_: object) -> None:
        raise MetricsUnavailable("away")

    async def late(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(module, "PATIENCE", 0.05)
    for answer in (away, late):
        monkeypatch.setattr(shop.metrics, "range", answer)
        assert await evidence.plot(1) is None
    assert await evidence.plot(999) is None
