"""What a rule watches: the value, its limit, and the series that an alert is about."""

from pathlib import Path

import numpy as np
import pytest

from routing.rules.read import read_rules
from routing.rules.watched import Watched, row_of, rule_of, watched
from storage.model.labels import Labels
from storage.promql.parse import parse
from storage.promql.values import Matrix


@pytest.mark.parametrize(
    ("expr", "query", "limit"),
    [
        ("x > 5", "x", 5.0),
        ("(x) <= -1.5", "x", -1.5),
        ("0.05 < avg(x) and on() y > 3", "avg(x)", 0.05),
        ("x > bool 2 unless z", "x", 2.0),
        ('rate(a{b="c  \\"d"}[5m]) >= 1e3', 'rate(a{b="c  \\"d"}[5m])', 1000.0),
    ],
)
def test_watched(expr: str, query: str, limit: float) -> None:
    seen = watched(expr)
    assert seen is not None
    assert (parse(seen.query), seen.limit) == (parse(query), limit)


@pytest.mark.parametrize("expr", ["absent(up)", "1 > 2", "x > y", "x", "x or y > 1", "x[5m] >", ""])
def test_nothing_is_held_against_a_number(expr: str) -> None:
    assert watched(expr) is None


def test_a_long_query_comes_back_whole() -> None:
    long = " + ".join(f'sum by (service) (rate(m{n}_total{{code=~"5.."}}[5m]))' for n in range(9))
    assert watched(f"{long} > 1") is not None
    assert parse(watched(f"{long} > 1").query) == parse(long)  # type: ignore[union-attr]


def test_the_row_of_an_alert_is_the_most_exact_that_fits() -> None:
    labels = (
        Labels.of(instance="b"),
        Labels.of(instance="a"),
        Labels.of(instance="a", job="web"),
        Labels.of(),
    )
    matrix = Matrix(labels, np.zeros(1), np.zeros((4, 1)), np.ones((4, 1), bool))
    alert = Labels.of(alertname="Slow", severity="critical", instance="a", job="web")
    assert row_of(alert, matrix) == 2
    assert row_of(Labels.of(alertname="Slow", instance="c"), matrix) == 3
    none = Matrix(labels[:1], np.zeros(1), np.zeros((1, 1)), np.ones((1, 1), bool))
    assert row_of(alert, none) is None


def test_two_rules_of_one_name_are_told_apart_by_their_labels(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(
        "groups:\n- name: g\n  rules:\n"
        "  - {alert: Slow, expr: x > 1, labels: {severity: warning}}\n"
        "  - {alert: Slow, expr: x > 5, labels: {severity: critical}}\n"
    )
    rules = [rule for group in read_rules([file]) for rule in group.rules]
    found = rule_of(Labels.of(alertname="Slow", severity="critical"), rules)
    assert found is not None
    assert watched(found.expr) == Watched(query="x", limit=5.0)
    assert rule_of(Labels.of(alertname="Fast"), rules) is None
