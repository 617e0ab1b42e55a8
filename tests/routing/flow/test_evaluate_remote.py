"""Rules judged by another system's answers: they are news, and its silence is an alert."""

from datetime import timedelta
from typing import Any

import numpy as np

from routing.flow.evaluate import Judge
from routing.rules.lifecycle import Phase
from storage.errors import MetricsUnavailable, QueryError
from storage.model.labels import Labels
from storage.promql.values import Vector
from tests.routing.flow.court import Court

REMOTE = "mimir:8080"
RULES = """
{alert: Down, expr: up == 0, for: 30s, annotations: {summary: "{{ $labels.instance }}"}}
{alert: Share, expr: avg by (job) (up) < 0.9}
{alert: Nobody, expr: 'absent(up{job="nobody"})'}
"""


class Canned:
    """Answers each query with what was put there; `fault` is raised instead, once it is set."""

    def __init__(self) -> None:
        self.answers: dict[str, dict[Labels, float]] = {}
        self.fault: Exception | None = None
        self.asked: list[str] = []

    async def instant(self, query: str, _at: float) -> Vector:
        self.asked.append(query)
        if self.fault is not None:
            raise self.fault
        found = self.answers.get(query, {})
        return Vector.of(tuple(found), _values(found))


def _values(found: dict[Labels, float]) -> Any:
    return np.array([*found.values()], dtype=np.float64)


class RemoteCourt(Court):
    """A judge who asks elsewhere."""

    def __init__(self, text: str = RULES, **expect: timedelta | None) -> None:
        self.remote = Canned()
        super().__init__(text, interval="15s", recording=False, **expect)

    def sit(self, database: Any = None, door: Any = None, gather: float = 0.0) -> Judge:
        self.judge = Judge(
            self.remote,  # type: ignore[arg-type]
            door or self.door,
            database,
            self.clock,
            self.playbook,
            self.groups,
            gather=gather,
            answered_by=REMOTE,
        )
        return self.judge

    async def pass_time(self, seconds: float) -> None:
        """Tick every five seconds."""
        for _ in range(int(seconds // 5)):
            self.clock.advance(5)
            await self.judge.tick()

    def told_of(self, name: str) -> list[str]:
        return [alert.status.value for alert in self.door.told if alert.name == name]


DOWN = {Labels.of(__name__="up", job="api", instance="a:80"): 0.0}


async def test_an_alert_begins_and_ends_by_the_answers_alone() -> None:
    court = RemoteCourt()
    court.remote.answers["up == 0"] = DOWN
    await court.pass_time(20)
    assert court.told_of("Down") == []
    await court.pass_time(40)
    assert court.told_of("Down") == ["firing"]
    assert [a.annotations.get("summary") for a in court.door.told if a.name == "Down"] == ["a:80"]
    court.remote.answers.clear()
    await court.pass_time(20)
    assert court.told_of("Down") == ["firing", "resolved"]
    assert all(alert.no_data_since is None for alert in court.door.told)


async def test_rules_that_combine_series_or_look_for_absence_wait_for_nobody() -> None:
    court = RemoteCourt()
    court.remote.answers["avg by (job) (up) < 0.9"] = {Labels.of(job="api"): 0.5}
    court.remote.answers['absent(up{job="nobody"})'] = {Labels.of(job="nobody"): 1.0}
    await court.pass_time(5)
    assert (court.told_of("Share"), court.told_of("Nobody")) == (["firing"], ["firing"])
    court.remote.answers.clear()
    await court.pass_time(20)
    assert (court.told_of("Share"), court.told_of("Nobody")) == (
        ["firing", "resolved"],
        ["firing", "resolved"],
    )


async def test_while_nothing_is_answered_nothing_changes() -> None:
    court = RemoteCourt()
    court.remote.answers["up == 0"] = DOWN
    await court.pass_time(60)
    for fault in (MetricsUnavailable("away"), QueryError("too many samples")):
        court.remote.fault = fault
        court.remote.answers.clear()
        await court.pass_time(60)
        assert court.told_of("Down") == ["firing"]
        assert set(court.judge.status().groups[0].problems.values()) == {str(fault)}
    court.remote.fault = None
    court.remote.answers["up"] = dict.fromkeys(DOWN, 1.0)
    await court.pass_time(30)
    assert court.told_of("Down") == ["firing", "resolved"]
    assert court.judge.status().groups[0].problems == {}


async def test_a_remote_that_falls_silent_is_an_alert_of_its_own() -> None:
    court = RemoteCourt(**{REMOTE: timedelta(minutes=2)})
    await court.pass_time(300)
    assert court.told_of("SourceSilent") == []
    court.remote.fault = MetricsUnavailable("away")
    await court.pass_time(180)
    assert court.told_of("SourceSilent") == ["firing"]
    assert court.judge.silent() == (REMOTE,)
    court.remote.fault = None
    await court.pass_time(30)
    assert court.told_of("SourceSilent") == ["firing", "resolved"]


async def test_a_remote_that_was_away_ends_only_what_it_proves_to_be_well() -> None:
    court = RemoteCourt(**{REMOTE: timedelta(minutes=2)})
    court.remote.answers["up == 0"] = DOWN
    await court.pass_time(60)
    court.remote.fault = MetricsUnavailable("away")
    await court.pass_time(180)
    court.remote.fault = None
    court.remote.answers.clear()  # it has not scraped again
    await court.pass_time(60)
    assert court.told_of("Down") == ["firing"]
    court.remote.answers["up"] = dict.fromkeys(DOWN, 1.0)
    await court.pass_time(30)
    assert court.told_of("Down") == ["firing", "resolved"]


async def test_what_is_gone_for_good_is_not_held_for_ever() -> None:
    court = RemoteCourt(**{REMOTE: timedelta(minutes=2)})
    court.remote.answers["up == 0"] = DOWN
    await court.pass_time(60)
    court.remote.fault = MetricsUnavailable("away")
    await court.pass_time(180)
    court.remote.fault = None
    court.remote.answers.clear()
    await court.pass_time(330)
    assert court.told_of("Down") == ["firing", "resolved"]


async def test_without_rules_it_is_enough_that_it_answers() -> None:
    court = RemoteCourt("", **{REMOTE: timedelta(minutes=2)})
    for _ in range(20):
        court.judge.answered()
        await court.pass_time(15)
    assert court.told_of("SourceSilent") == []


async def test_samples_that_arrive_here_say_only_who_speaks() -> None:
    court = RemoteCourt(shop=timedelta(minutes=1))
    await court.pass_time(20)
    asked = len(court.remote.asked)
    await court.take(court.sample("up", 0.0, job="api"), source="shop")
    assert len(court.remote.asked) == asked
    assert court.judge.silent() == ()
    await court.pass_time(90)
    assert court.judge.silent() == ("shop",)


async def test_what_was_pending_goes_on_without_a_gap() -> None:
    court = RemoteCourt()
    court.remote.answers["up == 0"] = DOWN
    await court.pass_time(20)
    (rule,) = [r for r in court.judge.status().groups[0].rules if r.rule.name == "Down"]
    assert [state.phase for state in rule.states.values()] == [Phase.PENDING]
    assert [state.sources for state in rule.states.values()] == [(REMOTE,)]
