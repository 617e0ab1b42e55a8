"""What the parser lets pass and the evaluator cannot answer, refused by name beforehand."""

from storage.errors import QueryError
from storage.model.labels import compiled
from storage.promql.functions import AGGREGATIONS, FUNCTIONS, REFUSED, arguments
from storage.promql.locate import place_of_call
from storage.promql.tree import Aggregation, Binary, Call, Expr, Kind, Negate, String, kind, walk


def check(expr: Expr, text: str) -> None:
    """Raise QueryError, with the place in `text`, for anything that cannot be evaluated."""
    for part in walk(expr):
        match part:
            case Call():
                _check_call(part, text)
            case Aggregation():
                _check_aggregation(part, text)
            case Binary(left=left, right=right, op=op):
                if {kind(left), kind(right)} - {Kind.SCALAR, Kind.VECTOR}:
                    raise QueryError(
                        f"`{op}` joins numbers and instant vectors, "
                        f"not a {kind(left)} and a {kind(right)}"
                    )
            case Negate(inner) if kind(inner) not in {Kind.SCALAR, Kind.VECTOR}:
                raise QueryError(
                    f"`-` goes before a number or an instant vector, not a {kind(inner)}"
                )


def _check_call(call: Call, text: str) -> None:
    where, name = place_of_call(text, call.name), call.name
    if name in REFUSED:
        raise QueryError(f"{where}{name}() {REFUSED[name]}")
    if name not in FUNCTIONS:
        raise QueryError(f"{where}{name}() is not supported")
    wanted, needed = arguments(name, len(call.args))
    if not needed <= len(call.args) <= len(wanted):
        count = f"{needed}" if needed == len(wanted) else f"{needed} to {len(wanted)}"
        raise QueryError(f"{where}{name}() takes {count} arguments, got {len(call.args)}")
    for position, (arg, right) in enumerate(zip(call.args, wanted, strict=False), start=1):
        if kind(arg) is not right:
            raise QueryError(
                f"{where}argument {position} of {name}() is a {right}, got a {kind(arg)}"
            )
    if name in {"label_replace", "label_join"}:
        _check_label(call.args[1], f"{where}{name}()")
    if name == "label_replace" and isinstance(pattern := call.args[4], String):
        compiled(pattern.value)


def _check_aggregation(part: Aggregation, text: str) -> None:
    where, op = place_of_call(text, part.op), part.op
    if op in REFUSED:
        raise QueryError(f"{where}{op}() {REFUSED[op]}")
    if op not in AGGREGATIONS:
        raise QueryError(f"{where}{op}() is not supported")
    wanted = AGGREGATIONS[op]
    got = None if part.param is None else kind(part.param)
    if got is not wanted:
        raise QueryError(
            f"{where}{op}() takes {f'a {wanted} first' if wanted else 'no parameter'}, "
            f"got {f'a {got}' if got else 'none'}"
        )
    if kind(part.inner) is not Kind.VECTOR:
        raise QueryError(f"{where}{op}() aggregates an instant vector, got a {kind(part.inner)}")
    if op == "count_values":
        _check_label(part.param, f"{where}{op}()")


def _check_label(name: Expr | None, where: str) -> None:
    if isinstance(name, String) and not name.value:
        raise QueryError(f"{where}: the name of the new label is empty")
