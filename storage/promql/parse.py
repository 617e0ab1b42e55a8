"""Text -> tree, by the `promql-parser` package, whose terse errors get a place and a hint."""

from datetime import UTC, datetime, timedelta
from typing import Any

import promql_parser

from storage.errors import QueryError
from storage.model.labels import NAME, Matcher, MatchOp
from storage.promql.check import check
from storage.promql.explain import explain
from storage.promql.locate import refuse_unreadable, ungrouped
from storage.promql.tree import (
    Aggregation,
    Binary,
    Call,
    Card,
    Edge,
    Expr,
    Matching,
    Negate,
    Number,
    Selector,
    String,
    Subquery,
    Window,
)

DEFAULT_STEP = timedelta(minutes=1)
"""The step of a subquery that names none: Prometheus' own default evaluation interval."""

DEEPEST = 150
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

_MATCH_OPS = {
    "MatchOp.Equal": MatchOp.EQUAL,
    "MatchOp.NotEqual": MatchOp.NOT_EQUAL,
    "MatchOp.Re": MatchOp.REGEX,
    "MatchOp.NotRe": MatchOp.NOT_REGEX,
}
_CARDS = {
    "VectorMatchCardinality.OneToOne": Card.ONE_TO_ONE,
    "VectorMatchCardinality.ManyToOne": Card.MANY_TO_ONE,
    "VectorMatchCardinality.OneToMany": Card.ONE_TO_MANY,
    "VectorMatchCardinality.ManyToMany": Card.MANY_TO_MANY,
}


def parse(text: str) -> Expr:
    """Read a query and check its types; raises QueryError with line:column and a hint.

    >>> parse("up == 0").op
    '=='
    """
    refuse_unreadable(text)
    try:
        found = promql_parser.parse(ungrouped(text))
    except ValueError as error:
        raise QueryError(explain(text, str(error))) from error
    try:
        expr = _expr(found, 0)
    except (ValueError, OverflowError) as error:
        raise QueryError(
            "a duration or a time is too large; `@` ends with the year 9999"
        ) from error
    check(expr, text)
    return expr


def laid_out(text: str) -> str:
    """Return a query as it is to be laid out, long ones over several lines; raises QueryError.

    >>> laid_out('sum by(job)(rate( x[5m]))')
    'sum by (job) (rate(x[5m]))'
    """
    parse(text)
    return str(promql_parser.parse(ungrouped(text)).prettify())


def _expr(node: Any, depth: int) -> Expr:
    """Turn one node of the parser's tree, and what is below it, into ours."""
    if depth > DEEPEST:
        raise QueryError(
            f"the query is nested more than {DEEPEST} levels deep; split it by recording rules"
        )
    below = depth + 1
    match type(node).__name__:
        case "ParenExpr":
            return _expr(node.expr, below)
        case "NumberLiteral":
            return Number(node.val)
        case "StringLiteral":
            return String(node.val)
        case "VectorSelector":
            return _selector(node)
        case "MatrixSelector":
            return Window(_selector(node.vector_selector), _ms(node.range))
        case "SubqueryExpr":
            inner, step = _expr(node.expr, below), _ms(node.step or DEFAULT_STEP)
            return Subquery(inner, _ms(node.range), step, _ms(node.offset), _at(node.at))
        case "Call":
            return Call(node.func.name, tuple(_expr(arg, below) for arg in node.args))
        case "UnaryExpr":
            return _negated(_expr(node.expr, below))
        case "AggregateExpr":
            return _aggregation(node, below)
        case "BinaryExpr":
            return _binary(node, below)
    raise QueryError(f"the query has a part that is not understood: {type(node).__name__}")


def _negated(inner: Expr) -> Expr:
    return Number(-inner.value) if isinstance(inner, Number) else Negate(inner)


def _selector(node: Any) -> Selector:
    if node.matchers.or_matchers:
        raise QueryError(
            f"{node.prettify()}: `or` between matchers is not PromQL; "
            "use a regular expression, or two selectors joined by `or`"
        )
    named = (Matcher(NAME, MatchOp.EQUAL, node.name),) if node.name else ()
    rest = tuple(
        Matcher(found.name, _MATCH_OPS[str(found.op)], found.value)
        for found in node.matchers.matchers
    )
    return Selector(named + rest, _ms(node.offset), _at(node.at))


def _aggregation(node: Any, depth: int) -> Aggregation:
    labels, without = (), False
    if node.modifier is not None:
        labels = tuple(node.modifier.labels)
        without = str(node.modifier.type).endswith("Without")
    param = None if node.param is None else _expr(node.param, depth)
    return Aggregation(str(node.op), _expr(node.expr, depth), labels, without, param)


def _binary(node: Any, depth: int) -> Binary:
    left, right = _expr(node.lhs, depth), _expr(node.rhs, depth)
    found = node.modifier
    if found is None:
        return Binary(str(node.op), left, right)
    if found.fill_values.lhs is not None or found.fill_values.rhs is not None:
        raise QueryError("`fill` is experimental in Prometheus and not supported; use `or`")
    on, labels = False, ()
    if found.matching is not None:
        on = str(found.matching.type).endswith("Include")
        labels = tuple(found.matching.labels)
    matching = Matching(on, labels, _CARDS[str(found.card)], tuple(found.group_labels or ()))
    return Binary(str(node.op), left, right, matching, found.return_bool)


def _ms(duration: timedelta | None) -> int:
    return 0 if duration is None else round(duration / MILLISECOND)


def _at(found: Any) -> int | Edge | None:
    if found is None:
        return None
    match str(found.type):
        case "AtModifierType.Start":
            return Edge.START
        case "AtModifierType.End":
            return Edge.END
    return _ms(found.at - EPOCH)
