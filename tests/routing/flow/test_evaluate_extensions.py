"""Hysteresis, the shadow, and Prometheus' own waits and limits, judged live."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.flow.judge_words import SHADOW_FIRED, SHADOW_RESOLVED
from storage.model.sample import STALE
from storage.sql import audit
from tests.fakes import NOON
from tests.routing.flow.court import Court, rules
from tests.routing.town import Town

DEEP = '{alert: Deep, expr: "depth > 80", clear_when: "depth < 60"}'
FIRING, RESOLVED = ("Deep", "a", "firing"), ("Deep", "a", "resolved")


async def speaking(text: str) -> Court:
    """Return a court whose source has spoken long enough to be believed."""
    court = Court(text)
    for _ in range(7):
        await court.send("depth", 10, instance="other")
        await court.turn(10)
    return court


async def test_it_fires_until_it_is_clear() -> None:
    court = await speaking(DEEP)
    for value in (70, 85, 75, 61, 60, 90, 65):
        await court.send("depth", value, instance="a")
        await court.turn(5)
    assert court.told == [FIRING]
    await court.send("depth", 59, instance="a")
    assert court.told == [FIRING, RESOLVED]
    await court.send("depth", 75, instance="a")
    assert court.told == [FIRING, RESOLVED]


async def test_a_series_that_is_gone_is_not_held_by_what_would_clear_it() -> None:
    court = await speaking(DEEP)
    await court.send("depth", 85, instance="a")
    await court.turn(5)
    await court.send("depth", STALE, instance="a")
    for _ in range(7):
        await court.send("depth", 10, instance="other")
        await court.turn(10)
    assert court.told == [FIRING, RESOLVED]


async def test_silence_does_not_clear_it() -> None:
    court = await speaking(DEEP)
    await court.send("depth", 85, instance="a")
    await court.turn(400, step=10)
    assert court.told == [FIRING, ("Deep", "a", "no data")]


async def test_what_clears_may_be_another_metric_under_other_names() -> None:
    court = await speaking(
        '{alert: Deep, expr: "avg_over_time(depth[10s]) > 80", clear_when: "workers >= 3"}'
    )
    await court.send("workers", 1, instance="a")
    await court.send("depth", 85, instance="a")
    await court.turn(15)
    await court.send("depth", 5, instance="a")
    await court.turn(5)
    assert court.told == [FIRING]
    await court.send("workers", 3, instance="a")
    assert court.told == [FIRING, RESOLVED]


async def test_clear_for_as_long_as_it_is_kept() -> None:
    kept = DEEP.replace("clear_when", "keep_firing_for: 30s, clear_when")
    court = await speaking(kept)
    for value in (85, 50, 50, 70, 50, 50, 50):
        await court.send("depth", value, instance="a")
        await court.turn(10)
    assert court.told == [FIRING]
    await court.send("depth", 50, instance="a")
    assert court.told == [FIRING, RESOLVED]


async def test_keep_firing_for_is_waited_for() -> None:
    court = await speaking('{alert: Deep, expr: "depth > 80", keep_firing_for: 60s}')
    for value in (85, 10, 10, 85, 10, 10, 10, 10):
        await court.send("depth", value, instance="a")
        await court.turn(15)
    assert court.told == [FIRING]
    await court.send("depth", 10, instance="a")
    assert court.told == [FIRING, RESOLVED]


async def test_a_group_with_an_offset_looks_back() -> None:
    court = await speaking(DEEP)
    (group,) = rules(DEEP)
    group = replace(group, query_offset=timedelta(seconds=30))
    court.groups.swap((group,))
    await court.send("depth", 85, instance="a")
    await court.turn(29)
    assert court.told == []
    await court.send("depth", 10, instance="other")
    await court.turn(15)
    assert court.told == [FIRING]


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 100), max_size=12))
def test_hysteresis_is_a_latch(values: list[int]) -> None:
    async def live() -> None:
        court, latched, expected = await speaking(DEEP), False, []
        for value in values:
            await court.send("depth", value, instance="a")
            await court.turn(5)
            if (value > 80 and not latched) or (value < 60 and latched):
                latched = not latched
                expected.append(FIRING if latched else RESOLVED)
        assert court.told == expected

    asyncio.run(live())


SHADOW = """{alert: Deep, expr: "depth > 80", shadow: true, labels: {severity: page},
    annotations: {summary: "{{ $labels.instance }} is deep"}}""".replace("\n", " ")


async def recorded(here: Town) -> list[tuple[str, str]]:
    async with here.database.reading() as tx:
        rows = await audit.between(tx, NOON.replace(year=2000), NOON.replace(year=2100))
    return [(row.what, row.because) for row in rows if row.via == "rules"]


async def test_the_shadow_is_written_down_and_told_to_nobody(here: Town) -> None:
    court = Court(SHADOW)
    judge = court.sit(here.database, here.receiver)
    await judge.restore()
    for _ in range(7):
        await court.send("depth", 10, instance="other")
        await court.turn(10)
    await court.send("depth", 85.5, instance="a")
    await court.turn(90, step=30)
    await court.send("depth", 10, instance="a")
    assert await recorded(here) == [
        (
            SHADOW_FIRED,
            'Deep{instance="a", severity="page"} would have fired: value 85.5, a is deep',
        ),
        (SHADOW_RESOLVED, 'Deep{instance="a"} would be over, true 1 min 30 s before'),
    ]
    assert await here.open_incidents() == []


async def test_out_of_the_shadow_it_tells_what_is_true(here: Town) -> None:
    court = Court(SHADOW)
    judge = court.sit(here.database, here.receiver)
    await judge.restore()
    await court.send("depth", 85, instance="a")
    await court.turn(2)
    assert await here.open_incidents() == []
    court.groups.swap(rules(SHADOW.replace("shadow: true, ", "")))
    await court.turn(2)
    assert (await here.incident()).firing == 1
    court.groups.swap(rules(SHADOW))
    await court.turn(2)
    assert await here.open_incidents() == []
