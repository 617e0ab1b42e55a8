"""However a scrape is split and reordered into requests, the alerts are those of the whole."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.model.sample import STALE, Sample
from tests.routing.flow.court import Court

MINUTE = timedelta(minutes=1)
RULES = """{alert: Sum, expr: sum by (job) (load) > 10}
{alert: Share, expr: sum(errors) / sum(load) > 0.5}
{alert: Many, expr: count(up == 1) < 1}
{alert: Pair, expr: load > on (pod) errors * 3}
{alert: Gone, expr: absent(errors)}
{alert: Alone, expr: load > 6}"""

Loads = dict[str, tuple[int, int]]
"""Pod -> (load, errors)."""

SIZES = st.sampled_from([0, 3, 6, 9])
LOADS = st.dictionaries(st.sampled_from(["p1", "p2", "p3"]), st.tuples(SIZES, SIZES))


def scrape(at: float, loads: Loads, before: Loads, *, report: bool) -> list[Sample]:
    """Return all samples that Prometheus sends for one scrape: series, markers, report."""
    target = {"job": "web", "instance": "i1"}

    def sample(name: str, value: float, **labels: str) -> Sample:
        return COURT.sample(name, value, at=at, **target, **labels)

    samples = [
        sample(name, float(value), pod=pod)
        for pod, values in loads.items()
        for name, value in zip(("load", "errors"), values, strict=True)
    ]
    gone = [
        sample(name, STALE, pod=pod) for pod in before.keys() - loads for name in ("load", "errors")
    ]
    if not report:
        return samples + gone
    told = {
        "up": 1.0,
        "scrape_duration_seconds": 0.1,
        "scrape_samples_scraped": len(samples),
        "scrape_samples_post_metric_relabeling": len(samples),
        "scrape_series_added": 0.0,
    }
    return samples + gone + [sample(name, float(value)) for name, value in told.items()]


COURT = Court(RULES)
"""Only its way of making samples is used."""


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[Loads, list[list[int]], bool]]:
    """Draw scrapes: their loads, how the samples are dealt out to requests, and if reported."""
    story = []
    report = draw(st.booleans())
    before: Loads = {}
    for _ in range(draw(st.integers(2, 3))):
        loads = draw(LOADS)
        count = len(scrape(0.0, loads, before, report=report))
        order = draw(st.permutations(range(count)))
        cuts = sorted(draw(st.sets(st.integers(0, count), max_size=3)))
        requests = [
            list(order[start:end]) for start, end in zip([0, *cuts], [*cuts, count], strict=True)
        ]
        story.append((loads, [request for request in requests if request], report))
        before = loads
    return story


async def live_through(
    story: Sequence[tuple[Loads, list[list[int]], bool]], *, whole: bool
) -> list[tuple[str, str, str, float | None]]:
    """Return what was told when each scrape came `whole`, or cut into requests."""
    court = Court(RULES, interval="1s", prom=MINUTE)
    await court.turn(70, step=35)
    court.door.told.clear()
    before: Loads = {}
    for loads, requests, report in story:
        samples = scrape(court.now, loads, before, report=report)
        if whole:
            await court.take(*samples, complete=True)
            await court.turn(4)
        for request in [] if whole else requests:
            await court.turn(1)
            await court.take(*(samples[place] for place in request))
        await court.turn(10 if whole else 14 - len(requests), step=2)
        before = loads
    court.close()
    return sorted(
        (alert.name, str(alert.labels), alert.status.value, alert.value)
        for alert in court.door.told
        if alert.name != "SourceSilent"
    )


@settings(max_examples=40, deadline=None)
@given(stories())
def test_alerts_are_those_of_the_whole_scrape(
    story: list[tuple[Loads, list[list[int]], bool]],
) -> None:
    split = asyncio.run(live_through(story, whole=False))
    assert split == asyncio.run(live_through(story, whole=True))


async def test_half_a_scrape_does_not_page_not_even_on_the_interval() -> None:
    court = Court("{alert: Low, expr: sum(load) < 10}", prom=MINUTE)
    await court.turn(10)
    await court.take(*(court.sample("load", 5, pod=pod) for pod in "abc"), complete=True)
    for second in range(20):
        await court.turn(1)
        if second % 3 == 0:
            await court.take(court.sample("load", 5, at=court.now - second % 3, pod="a"))
            await court.take(court.sample("load", 5, at=court.now - second % 3, pod="b"))
    assert court.told == []


async def test_a_proven_scrape_is_judged_at_once_and_an_unproven_one_after_it_settled() -> None:
    court = Court("{alert: Sum, expr: sum(load) > 10}", prom=MINUTE)
    await court.turn(10)
    samples = scrape(court.now, {"p1": (6, 0), "p2": (6, 0)}, {}, report=True)
    await court.take(*samples[1:])
    assert court.told == []
    await court.take(samples[0])
    assert court.told == [("Sum", "", "firing")]

    court = Court("{alert: Sum, expr: sum(load) > 10}", prom=MINUTE)
    await court.turn(10)
    await court.take(*scrape(court.now, {"p1": (6, 0), "p2": (6, 0)}, {}, report=False))
    await court.turn(5)
    assert court.told == []
    await court.turn(1)
    assert court.told == [("Sum", "", "firing")]


async def test_a_sender_that_never_ends_a_scrape_does_not_stop_judging() -> None:
    court = Court("{alert: Sum, expr: sum(load) > 10}", prom=MINUTE)
    await court.turn(10)
    at = court.now
    for second in range(16):
        await court.take(court.sample("load", 6, at=at, pod=f"p{second}"))
        await court.turn(1)
    assert court.told == [("Sum", "", "firing")]


async def test_each_target_is_its_own_scrape() -> None:
    court = Court("{alert: Sum, expr: sum(load) > 10}", prom=MINUTE)
    await court.turn(10)
    half = scrape(court.now, {"p1": (1, 0)}, {}, report=True)[:2]
    await court.take(*half)
    await court.turn(1)
    other = {"job": "web", "instance": "i2"}
    await court.take(court.sample("load", 11, pod="x", **other), complete=True)
    assert court.told == []  # the other target's scrape is half there
    await court.turn(6)
    assert court.told == [("Sum", "", "firing")]
