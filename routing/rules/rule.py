"""Rules and their groups, as their files say and with what judging needs to know of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from typing import Any

import promql_parser

from routing.rules.template import Template
from storage.errors import QueryError
from storage.model.labels import Matcher
from storage.model.sample import Selection
from storage.promql.evaluate import Grid, evaluate
from storage.promql.instant import OF_TIME
from storage.promql.locate import ungrouped
from storage.promql.plan import per_series, plan, selectors
from storage.promql.tree import (
    COMPARISONS,
    Binary,
    Call,
    Expr,
    Kind,
    Subquery,
    Window,
    kind,
    walk,
)
from storage.promql.values import Matrix

NEVER = timedelta(0)
ABSENCE = frozenset({"absent", "absent_over_time"})
OF_NOTHING = ABSENCE | {"vector"} | OF_TIME.keys()
"""Functions that answer without any series; all others only pass on what they get."""
EVERY_HOUR = Grid(0.0, 7 * 86_400.0, 3_600.0)
"""A week: rules may hold at some hours and on some days only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a rule file.

    name:            the alert's name, or of a recording rule (`records`) the new metric's.
    expr, tree:      the query, as text and parsed.
    hold:            `for`: how long it must be true before anyone hears of it.
    keep_firing_for: how long it goes on firing after it stopped being true.
    labels, annotations: templates by name, those of the group included.
    clear_when, clear_tree: what must hold before what fires is over: hysteresis; None: nothing.
    shadow:          it is judged and written down, and nobody is told.
    where:           `file:line:column`.   group: the name of its group.
    copy:            which of several rules with the same name, labels and query it is, from 0.
    """

    name: str
    expr: str
    tree: Expr
    records: bool = False
    hold: timedelta = NEVER
    keep_firing_for: timedelta = NEVER
    labels: Mapping[str, Template] = field(default_factory=dict)
    annotations: Mapping[str, Template] = field(default_factory=dict)
    clear_when: str = ""
    clear_tree: Expr | None = None
    shadow: bool = False
    where: str = ""
    group: str = ""
    copy: int = 0

    @property
    def family(self) -> str:
        """Name what stays the same when only the expression is edited: name and label texts.

        A rule that leaves the shadow is another rule: what it never told, it tells then.
        """
        labels = sorted((name, made.text) for name, made in self.labels.items())
        shadow = " shadow" if self.shadow else ""
        return f"{self.name}/{_digest(f'{self.records} {labels!r}{shadow}')}"

    @property
    def key(self) -> str:
        """Name the rule across restarts and reloads: equal for equal name, labels and query."""
        again = f" copy {self.copy}" if self.copy else ""
        return f"{self.family}/{_digest(f'{self.expr}{again}')}"


def family_of(key: str) -> str:
    """Return the family of the rule with this key."""
    return key.rpartition("/")[0]


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleGroup:
    """Rules that are judged together, in order.

    interval:     how often, where nothing arrives that asks for it earlier.
    limit:        a rule with more alerts than this is refused its judgement; 0: no limit.
    query_offset: how far behind the present its queries look.
    """

    name: str
    file: str
    interval: timedelta
    rules: tuple[Rule, ...]
    limit: int = 0
    query_offset: timedelta = NEVER

    @property
    def key(self) -> str:
        """Name the group across reloads."""
        return f"{self.file};{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What judging must know about a rule's query; worked out once.

    alone:     each series of the answer depends on one input series: judged on arrival.
    absence:   it speaks when series are missing, so silence is what it looks for.
    selectors: matchers of each selector.
    window:    seconds of the longest range in it; 0 where it looks at the newest samples only.
    evidence:  a query with a value for each series that the rule can say "all is well" about;
               empty where the expression does not end in a comparison with a number.
    clearance: the same for `clear_when`; empty where there is none.
    """

    alone: bool
    absence: bool
    selectors: tuple[tuple[Matcher, ...], ...]
    window: float
    evidence: str
    clearance: str

    @classmethod
    def of(cls, rule: Rule) -> "Needs":
        """Work it out."""
        trees = [rule.tree, *([rule.clear_tree] if rule.clear_tree is not None else [])]
        parts = tuple(part for tree in trees for part in walk(tree))
        ranges = [part.range_ms for part in parts if isinstance(part, Window | Subquery)]
        return cls(
            alone=all(map(per_series, trees)) and not rule.records,
            absence=any(isinstance(part, Call) and part.name in ABSENCE for part in parts)
            or speaks_of_nothing(rule.tree),
            selectors=tuple(dict.fromkeys(found for tree in trees for found in selectors(tree))),
            window=max(ranges, default=0) / 1000.0,
            evidence=evidence_of(rule.expr, rule.tree),
            clearance=evidence_of(rule.clear_when, rule.clear_tree) if rule.clear_tree else "",
        )


def speaks_of_nothing(tree: Expr) -> bool:
    """Say whether a query is true where there are no series at all, as `absent(x)` is.

    So is `(count(up) or vector(0)) < 3`.
    """
    calls = {part.name for part in walk(tree) if isinstance(part, Call)}
    if kind(tree) is not Kind.VECTOR or not calls & OF_NOTHING:
        return False
    try:
        nothing = dict.fromkeys(plan(tree, EVERY_HOUR), Selection.empty())
        found = evaluate(tree, EVERY_HOUR, nothing)
    except QueryError:
        return False
    return isinstance(found, Matrix) and bool(found.present.any())


def evidence_of(expr: str, tree: Expr) -> str:
    """Return the side of a comparison that has the series: `rate(x[1m])` of `rate(x[1m]) > 5`.

    Empty where it is no comparison with a number.
    """
    if not isinstance(tree, Binary) or tree.op not in COMPARISONS or tree.to_bool:
        return ""
    node: Any = promql_parser.parse(ungrouped(expr))
    while type(node).__name__ == "ParenExpr":
        node = node.expr
    if kind(tree.right) is Kind.SCALAR and kind(tree.left) is Kind.VECTOR:
        return str(node.lhs.prettify())
    if kind(tree.left) is Kind.SCALAR and kind(tree.right) is Kind.VECTOR:
        return str(node.rhs.prettify())
    return ""
