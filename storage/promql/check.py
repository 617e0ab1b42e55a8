"""What the parser lets pass and the evaluator cannot answer, refused by name beforehand."""

from storage.errors import QueryError
from storage.model.labels import compiled
from storage.promql.functions import AGGREGATIONS, FUNCTIONS, REFUSED
from storage.promql.locate import place_of_call
from storage.promql.tree import Aggregation, Call, Expr, String, walk


def check(expr: Expr, text: str) -> None:
    """Raise QueryError, with the place in `text`, for anything that cannot be evaluated."""
    for part in walk(expr):
        match part:
            case Call(name, args):
                _check_name(name, FUNCTIONS, text)
                if name in {"label_replace", "label_join"}:
                    _check_label(name, args[1], text)
                if name == "label_replace" and isinstance(pattern := args[4], String):
                    compiled(pattern.value)
            case Aggregation(op=op, param=param):
                _check_name(op, AGGREGATIONS, text)
                if op == "count_values":
                    _check_label(op, param, text)


def _check_name(name: str, known: frozenset[str], text: str) -> None:
    if name not in known:
        reason = REFUSED.get(name, "is not supported")
        raise QueryError(f"{place_of_call(text, name)}{name}() {reason}")


def _check_label(name: str, label: Expr | None, text: str) -> None:
    if isinstance(label, String) and not label.value:
        where = place_of_call(text, name)
        raise QueryError(f"{where}{name}(): the name of the new label is empty")
