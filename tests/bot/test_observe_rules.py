"""Dashboards for Prometheus' rule groups find their names in our metrics."""

from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bot.observe_rules import rule_families
from routing.flow.judge_seat import JudgeStatus, Seat, Stopwatch
from routing.rules.read import parse_rules
from storage.clock import Steady

RULES = """
groups:
- name: shop
  interval: 30s
  rules:
  - {alert: Down, expr: up == 0}
  - {record: "job:up:sum", expr: sum by (job) (up)}
"""


class Once:
    def __init__(self, status: JudgeStatus) -> None:
        self._status = status

    def collect(self) -> object:
        return rule_families(self._status)


def written(status: JudgeStatus) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(Once(status))  # type: ignore[arg-type]
    text = generate_latest(registry).decode()
    return {
        sample.name + "".join(f"/{value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_group_that_was_judged() -> None:
    (group,) = parse_rules(RULES, "rules.yaml")
    seat = Seat(group, tuple(rule.key for rule in group.rules), due=Steady(0.0), since=Steady(0.0))
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    for key in seat.keys:
        seat.judged_one(key, at, 0.1)
    seat.done(at + timedelta(seconds=1), Steady(10.0), Steady(10.25), 0.1)
    seat.errors, seat.missed = 1, 2
    seat.answered(seat.keys[0], 5)
    watch = Stopwatch()
    for seconds in (0.1, 0.2, 0.3):
        watch.add(seconds)
    status = JudgeStatus(
        last_judged=at,
        late=(),
        groups=(seat.status(lambda _: {}),),
        durations=watch.read(),
        evaluations=watch.read(),
    )
    key = "rules.yaml;shop"
    found = written(status)
    name = "prometheus_rule_group_duration_seconds"
    assert {k: round(v, 6) for k, v in found.items() if k.startswith(name)} == {
        f"{name}/0.01": 0.102,
        f"{name}/0.05": 0.11,
        f"{name}/0.5": 0.2,
        f"{name}/0.9": 0.28,
        f"{name}/0.99": 0.298,
        f"{name}_count": 3.0,
        f"{name}_sum": 0.6,
    }
    assert found["prometheus_rule_evaluation_duration_seconds_count"] == 3
    assert {k: v for k, v in found.items() if k.endswith(key)} == {
        f"prometheus_rule_group_interval_seconds/{key}": 30.0,
        f"prometheus_rule_group_rules/{key}": 2.0,
        f"prometheus_rule_group_last_evaluation_samples/{key}": 5.0,
        f"prometheus_rule_group_last_duration_seconds/{key}": 0.25,
        f"prometheus_rule_group_last_evaluation_timestamp_seconds/{key}": at.timestamp() + 1,
        f"prometheus_rule_group_iterations_total/{key}": 3.0,
        f"prometheus_rule_group_iterations_missed_total/{key}": 2.0,
        f"prometheus_rule_evaluations_total/{key}": 2.0,
        f"prometheus_rule_evaluation_failures_total/{key}": 1.0,
    }


def test_nothing_was_judged_yet() -> None:
    found = written(JudgeStatus(last_judged=None, late=(), groups=()))
    assert found["prometheus_rule_group_duration_seconds_count"] == 0
