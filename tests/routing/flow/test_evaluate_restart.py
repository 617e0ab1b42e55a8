"""The judge after a restart, on a real database and a real store: nothing is lost or forgotten."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from routing.flow.current import Current
from routing.flow.evaluate import Judge
from routing.flow.receive import Receiver
from routing.flow.wake import Wake
from routing.playbook import Source
from storage.errors import StorageUnavailable
from storage.metrics.local import LocalMetrics
from storage.model.alert import Alert
from storage.model.incident import Status
from storage.model.labels import Labels
from storage.model.sample import Appended, Batch, Sample
from storage.series.local import LocalSeries
from storage.series.options import SeriesOptions
from storage.sql import alerts as alert_rows
from storage.sql import incidents, rule_states
from storage.sql.database import Database
from tests.databases import new_database
from tests.fakes import ManualClock
from tests.routing.flow.court import rules
from tests.routing.town import PLAYBOOK

RULES = """{alert: Hot, expr: cpu > 0.9}
{alert: Slow, expr: cpu > 0.5, for: 5m}
{alert: Sum, expr: sum(cpu) > 1.5}"""

OPEN = frozenset(status for status in Status if status.is_open)


class House:
    """A store, a database, and a judge that can be started again."""

    def __init__(self, series: LocalSeries, database: Database, clock: ManualClock) -> None:
        self.series, self.database, self.clock = series, database, clock
        self.playbook, self.groups = Current(PLAYBOOK), Current(rules(RULES))
        self.receiver = Receiver(database, clock, self.playbook, Wake())
        self.judge = self._judge()

    def _judge(self) -> Judge:
        self.metrics = LocalMetrics(self.series)
        parts = (self.metrics, self.receiver, self.database, self.clock, self.playbook, self.groups)
        return Judge(*parts, append=self.series.append, gather=0.0)

    async def restart(self) -> None:
        await self.judge.close()
        self.metrics.close()
        self.judge = self._judge()
        await self.judge.restore()

    async def store(self, **values: float) -> None:
        """Store one sample for each instance, and crash before it is judged."""
        await self._append(values)

    async def send(self, **values: float) -> None:
        await self.judge.arrived("prom", await self._append(values), True)
        await self.judge.drain()

    async def _append(self, values: dict[str, float]) -> Appended:
        now = self.clock.utc_now().timestamp()
        return await self.series.append(
            Batch(
                [
                    Sample(Labels.of(__name__="cpu", instance=name), now, value)
                    for name, value in values.items()
                ]
            )
        )

    async def turn(self, seconds: float, step: float = 5.0) -> None:
        left = seconds
        while left > 0:
            self.clock.advance(min(step, left))
            left -= step
            await self.judge.tick()

    async def firing(self) -> list[Alert]:
        async with self.database.reading() as tx:
            there = await incidents.search(tx, statuses=OPEN, limit=100)
            told = await alert_rows.of_incidents(tx, [incident.id for incident in there])
        found = [alert for alerts in told.values() for alert in alerts if alert.is_firing]
        return sorted(found, key=lambda alert: alert.name)

    async def names(self) -> list[str]:
        return [alert.name for alert in await self.firing() if alert.name != "SourceSilent"]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = ManualClock()
    series = await LocalSeries.open(tmp_path / "series", SeriesOptions(), clock)
    database = await new_database(tmp_path / "tocsin.db")
    home = House(series, database, clock)
    await home.judge.restore()
    yield home
    await home.judge.close()
    home.metrics.close()
    await database.close()
    await series.close()


async def test_firing_alerts_are_remembered_and_not_told_again(house: House) -> None:
    await house.send(a=0.95, b=0.95)
    assert await house.names() == ["Hot", "Hot", "Sum"]
    await house.restart()
    await house.turn(10)
    assert await house.names() == ["Hot", "Hot", "Sum"]
    assert all(alert.no_data_since is None for alert in await house.firing())


async def test_nothing_resolves_before_fresh_samples_came(house: House) -> None:
    await house.send(a=0.95, b=0.95)
    await house.judge.close()
    house.clock.advance(900)
    await house.restart()
    await house.turn(30)
    assert await house.names() == ["Hot", "Hot", "Sum"]
    assert all(alert.no_data_since is not None for alert in await house.firing())

    await house.send(a=0.1)  # nothing of b yet: b stays, and so does what sums both
    assert await house.names() == ["Hot", "Sum"]
    await house.turn(5)
    await house.send(a=0.1, b=0.1)
    assert await house.names() == ["Sum"]
    for _ in range(8):
        await house.turn(10)
        await house.send(a=0.1, b=0.1)
    assert await house.names() == []


async def test_a_sample_that_was_stored_and_never_judged_is_judged_after_the_crash(
    house: House,
) -> None:
    await house.store(a=0.95)
    house.clock.advance(2)
    await house.restart()
    await house.turn(1)
    assert await house.names() == ["Hot"]


async def test_half_a_scrape_before_a_crash_is_not_judged_as_a_whole(house: House) -> None:
    house.groups.swap(rules("{alert: Low, expr: sum(cpu) < 1}"))
    await house.store(a=0.6)
    await house.restart()
    await house.turn(1)
    assert await house.names() == []
    await house.send(b=0.6)
    await house.turn(10)
    assert await house.names() == []


async def test_the_wait_of_for_goes_on_after_a_restart(house: House) -> None:
    for _ in range(12):
        await house.send(a=0.6)
        await house.turn(20)
    await house.restart()
    await house.turn(40, step=20)
    assert await house.names() == []
    await house.turn(15)
    assert await house.names() == []  # time is up, but nothing fresh came
    await house.turn(10)
    await house.send(a=0.6)
    assert await house.names() == ["Slow"]


async def test_rules_that_went_away_meanwhile_end_their_alerts(house: House) -> None:
    await house.send(a=0.95)
    house.groups.swap(rules("{alert: Other, expr: cpu > 2}"))
    await house.restart()
    assert await house.names() == []
    async with house.database.reading() as tx:
        assert await rule_states.load_all(tx) == []


async def test_states_move_only_with_the_transaction_that_tells_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Receiver, "_take", refuse)
        await house.send(a=0.95)
        async with house.database.reading() as tx:
            assert await rule_states.load_all(tx) == []
    await house.turn(1)
    assert await house.names() == ["Hot"]
    async with house.database.reading() as tx:
        rows = await rule_states.load_all(tx)
    assert {rule.split("/")[0] for rule, _, _ in rows} == {"Hot", "Slow"}


async def test_a_row_that_cannot_be_read_harms_no_other(house: House) -> None:
    await house.send(a=0.95)
    async with house.database.transaction() as tx:
        await rule_states.save_many(tx, [("Hot/x/y", "0" * 16, "{}"), ("Hot/x/z", "0" * 16, "[")])
    await house.restart()
    await house.turn(1)
    assert await house.names() == ["Hot"]


async def test_a_silent_source_is_remembered(house: House) -> None:
    minute = timedelta(minutes=1)
    sources = {"prom": Source(name="prom", expect=minute)}
    house.playbook.swap(replace(PLAYBOOK, sources=sources))
    await house.turn(70)
    assert [alert.name for alert in await house.firing()] == ["SourceSilent"]
    await house.restart()
    await house.turn(5)
    assert [alert.name for alert in await house.firing()] == ["SourceSilent"]
    await house.send(a=0.1)
    await house.turn(1)
    assert await house.firing() == []
