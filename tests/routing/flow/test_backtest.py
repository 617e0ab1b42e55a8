"""A rule over history: the same alerts as live, the right figures, and whom it would have paged."""

import asyncio
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.flow.backtest import Backtest, Comparison, Tried
from routing.oncall.expand import Roster
from routing.playbook import Playbook, Route
from routing.rules.read import parse_rules
from storage.errors import MetricsUnavailable, QueryError
from storage.model.alert import Severity
from storage.model.labels import NAME, Matcher, MatchOp
from storage.model.person import OnCallList, Permission, Person, PersonId
from storage.model.policy import Policy, Step, Target, TargetKind
from storage.model.sample import STALE
from tests.fakes import NOON
from tests.routing.flow.court import Court, rules

PACE = 15.0
ADA, BEN = PersonId("ada"), PersonId("ben")


def playbook() -> Playbook:
    def policy(name: str, *targets: Target) -> Policy:
        return Policy(name=name, steps=(Step(after=timedelta(0), targets=targets),), rooms=())

    return Playbook(
        people={
            who: Person(id=who, name=who.title(), permission=Permission.RESPOND)
            for who in (ADA, BEN)
        },
        oncall={"primary": OnCallList(name="primary", people=(BEN, ADA))},
        policies={
            "ops": policy("ops", Target(kind=TargetKind.ONCALL, name="primary")),
            "db": policy("db", Target(kind=TargetKind.PERSON, name=ADA)),
        },
        default="ops",
        routes=(
            Route(
                matchers=(Matcher("instance", MatchOp.EQUAL, "db"),),
                policy="db",
                group_by=("alertname", "instance"),
            ),
        ),
        chat=frozenset({"slack"}),
    )


def backtest(court: Court, start: datetime = NOON) -> Backtest:
    roster = Roster(playbook=playbook(), overrides=(), now=court.clock.utc_now())
    end = court.clock.utc_now()
    return Backtest(metrics=court.metrics, roster=roster, start=start, end=end)


async def tried(court: Court, text: str) -> Tried:
    (group,) = rules(text)
    return await backtest(court).try_rule(group.rules[0], group)


RULES = st.sampled_from(
    [
        '{alert: A, expr: "depth > 80"}',
        '{alert: A, expr: "depth > 80", for: 30s}',
        '{alert: A, expr: "depth > 80", keep_firing_for: 40s}',
        '{alert: A, expr: "depth > 80", for: 15s, keep_firing_for: 15s, clear_when: "depth < 40"}',
        '{alert: A, expr: "depth > 80", clear_when: "depth < 40"}',
        '{alert: A, expr: "sum(depth) > 100", for: 20s}',
        '{alert: A, expr: "max_over_time(depth[45s]) > 80", for: 30s}',
    ]
)
VALUES = st.lists(st.tuples(*[st.sampled_from([10.0, 60.0, 90.0])] * 2), max_size=14)


@settings(deadline=None, max_examples=60)
@given(RULES, VALUES)
def test_on_history_it_says_what_was_told_live(
    text: str, values: list[tuple[float, float]]
) -> None:
    async def both() -> None:
        court = Court(text)
        for depths in [(10.0, 10.0)] * 6 + values:
            court.clock.advance(PACE)
            samples = [
                court.sample("depth", value, instance=name)
                for name, value in zip("ab", depths, strict=True)
            ]
            await court.take(*samples, complete=True)
        live = [
            (alert.labels.get("instance"), alert.starts_at, alert.ends_at)
            for alert in court.door.told
        ]
        found = (await tried(court, text)).episodes
        ended = {(s, start) for s, start, end in live if end is not None}
        live = [one for one in live if one[2] is not None or (one[0], one[1]) not in ended]
        again = [(e.series.get("instance"), e.start, e.end) for e in found]
        assert sorted(again, key=str) == sorted(live, key=str)

    asyncio.run(both())


async def history(*columns: str, pace: float = PACE) -> Court:
    """Return a court with stored samples: `a=10 90 _ x` is a series, `_` a gap, `x` its end."""
    court = Court('{alert: Unused, expr: "nothing > 1"}')
    for column in columns:
        name, _, written = column.partition("=")
        for number, word in enumerate(written.split()):
            if word != "_":
                value = STALE if word == "x" else float(word)
                at = NOON.timestamp() + number * pace
                court.series.append([court.sample("depth", value, at, instance=name)])
    count = max((len(column.split()) for column in columns), default=1)
    court.clock.advance((count - 1) * pace)
    return court


async def test_figures() -> None:
    court = await history("a=10 90 95 10 10 85 10 10", "b=90 10 10 90 90 90 90 99")
    found = await tried(court, '{alert: A, expr: "depth > 80"}')
    figures = found.figures
    assert (figures.fired, figures.firing_now) == (4, 1)
    assert figures.total == timedelta(seconds=30 + 15 + 15 + 60)
    assert figures.longest == timedelta(seconds=60)
    assert [(s.get("instance"), n, total.seconds) for s, n, total in figures.series] == [
        ("b", 2, 75),
        ("a", 2, 45),
    ]
    assert [(e.first, e.peak) for e in found.episodes] == [(90, 90), (90, 95), (90, 99), (85, 85)]


async def test_silence_of_all_ends_nothing_and_one_that_is_gone_is_over() -> None:
    court = await history("a=90 90 x" + " _" * 30, "b=10 90" + " 10" * 2 + " _" * 29)
    found = await tried(court, '{alert: A, expr: "depth > 80"}')
    assert [(e.series.get("instance"), e.end is None) for e in found.episodes] == [
        ("a", False),
        ("b", False),
    ]
    court = await history("a=90 90" + " _" * 40)
    found = await tried(court, '{alert: A, expr: "depth > 80"}')
    assert [e.end for e in found.episodes] == [None]


async def test_whom_it_would_have_paged() -> None:
    labels = "labels: {severity: critical}"
    court = await history("a=90 10 10 90 10", "b=90 90 10 90 10", "db=10 10 10 90 90")
    found = await tried(court, f'{{alert: A, expr: "depth > 80", {labels}}}')
    pages = [(p.policy, p.severity, p.times, p.people, p.ways) for p in found.pages]
    assert pages == [
        ("ops", Severity.CRITICAL, 2, ("Ben",), ("chat", "sms")),
        ("db", Severity.CRITICAL, 1, ("Ada",), ("chat", "sms")),
    ]


async def test_what_limits_the_answer_is_said() -> None:
    court = await history("a=_ _ _ _ 90 10")
    found = await tried(court, '{alert: A, expr: "depth > 80"}')
    assert found.notes == ("there are values only since 2026-03-02 12:01 UTC",)
    found = await tried(court, '{alert: A, expr: "width{job=\\"x\\"} > 80"}')
    assert found.notes == ('nothing is stored for {job="x", __name__="width"}',) or (
        found.notes == ('nothing is stored for {__name__="width", job="x"}',)
    )


GROUPS = """
groups:
- name: g
  interval: 15s
  rules:
  - {record: "job:depth:max", expr: max(depth)}
  - {alert: Deep, expr: depth > 80, for: 15s}
  - {alert: Deep, expr: depth > 50, labels: {severity: info}}
  - {alert: New, expr: "job:depth:max > 5"}
"""


def told(found: tuple[Comparison, ...]) -> list[tuple[str, int, int | None]]:
    return [
        (c.tried.rule.name, c.tried.figures.fired, c.in_force and c.in_force.figures.fired)  # type: ignore[misc]
        for c in found
    ]


async def test_beside_the_rules_in_force() -> None:
    court = await history("a=90 10 90 90 10 60 10")
    in_force = parse_rules(GROUPS.replace("for: 15s", "for: 0s"), "old.yml")
    in_force = (in_force[0], *in_force[1:])
    groups = parse_rules(GROUPS, "new.yml")
    found = await backtest(court).compare(groups, in_force)
    assert told(found) == [("Deep", 1, 2), ("Deep", 3, 3), ("New", 0, 0)]
    assert found[2].tried.notes[0].endswith("writes it only once it is in force")
    assert told(await backtest(court).compare(groups, (), "New")) == [("New", 0, None)]


async def test_a_long_time_is_looked_at_in_larger_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.flow.backtest.MOST_STEPS", 4)
    monkeypatch.setattr("routing.flow.backtest.STEPS", 2)
    court = await history("a=90 10 90 90 10 60 10 90 90")
    found = await tried(court, '{alert: A, expr: "depth > 80"}')
    assert found.notes == ("looked at every 45s, not every 15s: the time is long",)
    assert [e.start.timestamp() - NOON.timestamp() for e in found.episodes] == [0]


async def test_slices_are_seamless(monkeypatch: pytest.MonkeyPatch) -> None:
    court = await history("a=90 10 90 90 10 60 10 90 90 90 90 10 10 90 10 90 90 90")
    text = '{alert: A, expr: "depth > 80", for: 15s, keep_firing_for: 15s}'
    whole = await tried(court, text)
    for size in (1, 2, 3, 7):
        monkeypatch.setattr("routing.flow.backtest.STEPS", size)
        assert (await tried(court, text)).episodes == whole.episodes


async def test_a_query_that_fails_and_one_that_takes_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    court = await history("a=90 10", "b=1 1")
    with pytest.raises(QueryError):
        await tried(court, '{alert: A, expr: "depth * on() depth > 1"}')
    monkeypatch.setattr("routing.flow.backtest.PATIENCE", 0.0)
    with pytest.raises(MetricsUnavailable, match="takes longer than 0 s"):
        await backtest(court).compare(parse_rules(GROUPS, "f"), ())


async def test_the_groups_offset_looks_further_back() -> None:
    court = await history("a=90 10 10 10 10")
    text = GROUPS.replace("interval: 15s", "interval: 15s\n  query_offset: 30s")
    (group,) = parse_rules(text, "f")
    found = await backtest(court).try_rule(group.rules[2], group)
    assert [e.start - NOON for e in found.episodes] == [timedelta(seconds=30)]
    assert NAME not in dict(found.episodes[0].series.without(NAME))
