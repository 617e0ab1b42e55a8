"""`ALERTS` and `ALERTS_FOR_STATE`: what is pending and firing stands in the store, till it ends."""

from collections.abc import AsyncIterator
from itertools import pairwise

import numpy as np
import pytest

from storage.model.labels import Labels
from storage.model.sample import is_stale
from tests.routing.flow.court import Court, rules
from tests.routing.town import Town

DEEP = (
    '{alert: Deep, expr: "depth > 80", for: 20s, '
    'labels: {severity: page, team: "{{ $labels.q }}-team"}}'
)


def readings(court: Court, name: str) -> dict[Labels, list[tuple[float, float | None]]]:
    """Return the samples of a metric: (seconds since the beginning, value or None for stale)."""
    return {
        labels.without("__name__"): [
            (round(at - court.began, 3), None if is_stale(np.array([value]))[0] else value)
            for at, value in sorted(found.items())
        ]
        for labels, found in court.series.samples.items()
        if labels.name == name
    }


class Sitting(Court):
    """A court that knows when it began."""

    def __init__(self, text: str, **more: object) -> None:
        super().__init__(text, **more)  # type: ignore[arg-type]
        self.began = self.now


@pytest.fixture
async def court() -> AsyncIterator[Sitting]:
    sitting = Sitting(DEEP)
    await sitting.send("depth", 10, q="calm")
    await sitting.turn(70)
    sitting.began = sitting.now
    yield sitting
    sitting.close()


ABOUT = Labels.of(alertname="Deep", severity="page", team="a-team", q="a")
PENDING, FIRING = (ABOUT.with_({"alertstate": it}) for it in ("pending", "firing"))


async def test_it_is_written_while_it_waits_and_fires_and_ends_at_once(court: Sitting) -> None:
    await court.send("depth", 85, q="a")
    assert readings(court, "ALERTS") == {PENDING: [(0.0, 1.0)]}
    since = court.began
    for _ in range(3):
        await court.turn(10)
        await court.send("depth", 90, q="a")
    told = readings(court, "ALERTS")
    assert told.keys() == {PENDING, FIRING}
    assert told[PENDING][-1] == (20.0, None)
    assert told[FIRING][0] == (20.0, 1.0)
    for_state = readings(court, "ALERTS_FOR_STATE")
    assert for_state.keys() == {ABOUT}
    assert {value for _, value in for_state[ABOUT]} == {float(int(since))}
    await court.turn(1)
    await court.send("depth", 10, q="a")
    assert readings(court, "ALERTS")[FIRING][-1] == (31.0, None)
    assert readings(court, "ALERTS_FOR_STATE")[ABOUT][-1] == (31.0, None)


async def test_it_is_written_once_an_interval_however_often_it_is_judged(court: Sitting) -> None:
    for second in range(60):
        await court.send("depth", 90 + second % 2, q="a")
        await court.turn(1)
    times = [at for at, _ in readings(court, "ALERTS")[FIRING]]
    assert times[0] == 20.0
    assert len(times) <= 5
    assert max(b - a for a, b in pairwise(times)) <= 16


META = """{alert: Many, expr: 'count(ALERTS{alertname="Deep", alertstate="firing"}) >= 2'}"""


async def test_other_rules_look_at_it(court: Sitting) -> None:
    court.groups.swap(rules(f"{DEEP}\n{META}"))
    for _ in range(3):
        for q in ("a", "b"):
            await court.send("depth", 90, q=q)
        await court.turn(10)
    assert [alert.name for alert in court.door.told] == ["Deep", "Deep", "Many"]


async def test_a_rule_in_the_shadow_writes_none() -> None:
    court = Sitting('{alert: Deep, expr: "depth > 80", shadow: true}')
    await court.send("depth", 85, q="a")
    assert readings(court, "ALERTS") == {}
    court.close()


async def test_without_a_store_of_ours_none_is_written() -> None:
    court = Sitting('{alert: Deep, expr: "depth > 80"}', recording=False)
    await court.send("depth", 85, q="a")
    assert court.told
    assert readings(court, "ALERTS") == {}
    court.close()


async def test_the_series_of_a_rule_that_is_gone_end(court: Sitting) -> None:
    await court.send("depth", 85, q="a")
    court.groups.swap(rules('{alert: Other, expr: "depth > 1000"}'))
    await court.turn(1)
    assert readings(court, "ALERTS")[PENDING] == [(0.0, 1.0), (1.0, None)]


async def test_after_a_restart_it_goes_on_and_its_end_is_written(
    court: Sitting, here: Town
) -> None:
    court.sit(here.database, here.receiver)
    for _ in range(3):
        await court.send("depth", 90, q="a")
        await court.turn(10)
    assert FIRING in readings(court, "ALERTS")
    court.clock.advance(5)
    judge = court.sit(here.database, here.receiver)
    await judge.restore()
    for _ in range(20):
        await court.send("depth", 10, q="a")
        await court.turn(10)
    assert readings(court, "ALERTS")[FIRING][-1][1] is None
