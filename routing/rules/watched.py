"""What a rule watches: the value that its query holds against a limit, and the limit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser

from routing.rules.rule import Rule
from storage.model.labels import NAME, Labels
from storage.promql.locate import ungrouped
from storage.promql.tree import COMPARISONS
from storage.promql.values import Matrix

_NARROWING = frozenset({"and", "unless"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A value over time: its query, in the unit of the query, and the limit it is held against."""

    query: str
    limit: float


def watched(expr: str) -> Watched | None:
    """Return what `expr` watches; None where it holds nothing against a number.

    >>> watched("sum(rate(errors_total[5m])) > 0.5 and on() up == 1")
    Watched(query='sum(rate(errors_total[5m]))', limit=0.5)
    """
    try:
        node = _inner(promql_parser.parse(ungrouped(expr)))
    except ValueError:
        return None
    while isinstance(node, promql_parser.BinaryExpr) and str(node.op) in _NARROWING:
        node = _inner(node.lhs)
    if not isinstance(node, promql_parser.BinaryExpr) or str(node.op) not in COMPARISONS:
        return None
    left, right = _inner(node.lhs), _inner(node.rhs)
    for value, limit in ((left, right), (right, left)):
        number = _number(limit)
        if number is not None and _number(value) is None:
            return Watched(query=value.prettify().strip(), limit=number)
    return None


def _inner(node: Any) -> Any:
    while isinstance(node, promql_parser.ParenExpr):
        node = node.expr
    return node


def _number(node: Any) -> float | None:
    if isinstance(node, promql_parser.UnaryExpr):
        inner = _number(_inner(node.expr))
        return None if inner is None else -inner
    return float(node.val) if isinstance(node, promql_parser.NumberLiteral) else None


def rule_of(alert: Labels, rules: Iterable[Rule]) -> Rule | None:
    """Return the rule that an alert is of; None where that cannot be told."""
    name = alert.get("alertname")
    named = [rule for rule in rules if rule.name == name and not rule.records]
    fitting = [rule for rule in named if _fits(alert, rule)]
    return fitting[0] if len({rule.expr for rule in fitting}) == 1 else None


def _fits(alert: Labels, rule: Rule) -> bool:
    plain: Mapping[str, str] = {n: it.text for n, it in rule.labels.items() if it.is_plain}
    return all(alert.get(label) == text for label, text in plain.items())


def row_of(alert: Labels, matrix: Matrix) -> int | None:
    """Return the row of the series that the alert is about: of those that fit, the most exact."""
    best: tuple[int, int] | None = None
    for number, labels in enumerate(matrix.labels):
        told = [(name, value) for name, value in labels if name != NAME]
        if all(alert.get(name) == value for name, value in told):
            best = max(best or (-1, 0), (len(told), -number))
    return -best[1] if best is not None else None
