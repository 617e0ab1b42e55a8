"""The tree of a query: what `parse` returns and everything else walks.

Brackets are gone (the shape of the tree says the same), times are whole milliseconds as in
Prometheus, and every node is frozen and hashable.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from storage.model.labels import Matcher


class Kind(StrEnum):
    """The four types of the language."""

    SCALAR = "scalar"
    TEXT = "string"
    VECTOR = "instant vector"
    RANGE = "range vector"


class Edge(StrEnum):
    """`@ start()` and `@ end()`: the first or last moment of the whole query."""

    START = "start"
    END = "end"


class Card(StrEnum):
    """How many series of each side may share one set of matching labels."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "group_left"
    ONE_TO_MANY = "group_right"
    MANY_TO_MANY = "set"


@dataclass(frozen=True, slots=True)
class Number:
    """`3.5`"""

    value: float


@dataclass(frozen=True, slots=True)
class String:
    """`"text"`"""

    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """`up{job="api"} offset 5m @ 1700000000`; the metric's name is a matcher like the others."""

    matchers: tuple[Matcher, ...]
    offset_ms: int = 0
    at: int | Edge | None = None  # Unix milliseconds


@dataclass(frozen=True, slots=True)
class Window:
    """`up[5m]`: the samples in (t - range, t]."""

    selector: Selector
    range_ms: int


@dataclass(frozen=True, slots=True)
class Subquery:
    """`expr[1h:5m]`: `inner` evaluated at the multiples of the step in (t - range, t]."""

    inner: "Expr"
    range_ms: int
    step_ms: int
    offset_ms: int = 0
    at: int | Edge | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """`rate(...)`"""

    name: str
    args: "tuple[Expr, ...]"


@dataclass(frozen=True, slots=True)
class Aggregation:
    """`sum by (job) (...)`; without a clause: `by ()`."""

    op: str
    inner: "Expr"
    labels: tuple[str, ...] = ()
    without: bool = False
    param: "Expr | None" = None


@dataclass(frozen=True, slots=True)
class Matching:
    """Which series of two vectors belong together, and what the answer is called.

    on:      True: equal in `labels`; False: equal in all but `labels` (and the name).
    include: labels copied from the "one" side (`group_left(owner)`).
    """

    on: bool = False
    labels: tuple[str, ...] = ()
    card: Card = Card.ONE_TO_ONE
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """`left op right`; `to_bool` is the word `bool` after a comparison."""

    op: str
    left: "Expr"
    right: "Expr"
    matching: Matching = Matching()
    to_bool: bool = False


@dataclass(frozen=True, slots=True)
class Negate:
    """`-expr`"""

    inner: "Expr"


Expr = Number | String | Selector | Window | Subquery | Call | Aggregation | Binary | Negate

COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SETS = frozenset({"and", "or", "unless"})
SCALAR_CALLS = frozenset({"scalar", "time", "pi"})


def kind(expr: Expr) -> Kind:
    """Return the type of what `expr` evaluates to."""
    match expr:
        case Number():
            return Kind.SCALAR
        case String():
            return Kind.TEXT
        case Window() | Subquery():
            return Kind.RANGE
        case Call(name):
            return Kind.SCALAR if name in SCALAR_CALLS else Kind.VECTOR
        case Binary(_, left, right):
            scalars = kind(left) is Kind.SCALAR and kind(right) is Kind.SCALAR
            return Kind.SCALAR if scalars else Kind.VECTOR
        case Negate(inner):
            return kind(inner)
    return Kind.VECTOR


def children(expr: Expr) -> "tuple[Expr, ...]":
    """Return the expressions directly below `expr`."""
    match expr:
        case Window(selector):
            return (selector,)
        case Subquery(inner) | Negate(inner):
            return (inner,)
        case Call(_, args):
            return args
        case Aggregation(inner=inner, param=param):
            return (inner,) if param is None else (param, inner)
        case Binary(_, left, right):
            return (left, right)
    return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """Iterate over `expr` and everything below it, parents first."""
    yield expr
    for child in children(expr):
        yield from walk(child)
