"""How rules are judged, under the names that Prometheus gives its own rule groups.

Dashboards made for Prometheus' rule groups show ours then. Source: Prometheus 3,
rules/group.go and rules/manager.go.
"""

from collections.abc import Iterator

import numpy as np
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from routing.flow.judge_seat import Durations, GroupStatus, JudgeStatus

QUANTILES = (0.01, 0.05, 0.5, 0.9, 0.99)


def rule_families(status: JudgeStatus) -> Iterator[Metric]:
    """Write how judging is doing; `rule_group` is `file;name`, as in Prometheus."""
    yield _durations("rule_group", "The duration of rule group evaluations.", status.durations)
    yield _durations("rule_evaluation", "The duration for a rule to execute.", status.evaluations)
    gauges = {
        "interval_seconds": "The interval of a rule group.",
        "rules": "The number of rules.",
        "last_evaluation_samples": "The number of samples returned during the last evaluation.",
        "last_duration_seconds": "The duration of the last rule group evaluation.",
        "last_evaluation_timestamp_seconds": "When a rule group was last evaluated.",
    }
    for name, help_ in gauges.items():
        gauge = GaugeMetricFamily(f"prometheus_rule_group_{name}", help_, labels=["rule_group"])
        for group in status.groups:
            gauge.add_metric([group.key], _figure(group, name))
        yield gauge
    counters = {
        "rule_group_iterations": "Rule group evaluations, those counted that were missed.",
        "rule_group_iterations_missed": "Intervals that passed without an evaluation.",
        "rule_evaluations": "Evaluations of single rules.",
        "rule_evaluation_failures": "Evaluations of single rules that failed.",
    }
    for name, help_ in counters.items():
        counter = CounterMetricFamily(f"prometheus_{name}", help_, labels=["rule_group"])
        for group in status.groups:
            counter.add_metric([group.key], _figure(group, name))
        yield counter


def _figure(group: GroupStatus, name: str) -> float:
    match name:
        case "interval_seconds":
            return group.interval
        case "rules":
            return len(group.rules)
        case "last_evaluation_samples":
            return group.series
        case "last_duration_seconds":
            return group.seconds
        case "last_evaluation_timestamp_seconds":
            return group.last_judged.timestamp() if group.last_judged else 0.0
        case "rule_group_iterations":
            return group.iterations + group.missed
        case "rule_group_iterations_missed":
            return group.missed
        case "rule_evaluations":
            return group.evaluations
    return group.errors


def _durations(of: str, help_: str, durations: Durations) -> Metric:
    name = f"prometheus_{of}_duration_seconds"
    summary = SummaryMetricFamily(name, help_)
    found = np.full(len(QUANTILES), np.nan)
    if durations.recent:
        found = np.quantile(durations.recent, QUANTILES)
    for quantile, seconds in zip(QUANTILES, found.tolist(), strict=True):
        summary.add_sample(name, {"quantile": str(quantile)}, seconds)
    summary.add_metric([], count_value=durations.count, sum_value=durations.total)
    return summary
