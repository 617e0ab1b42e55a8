"""Alertmanager's time intervals in our way of writing them."""

from typing import Any

from storage.documents import Mapping, Node, Scalar, Sequence, describe
from storage.errors import ConfigError

LISTS = ("weekdays", "days_of_month", "months", "years")


def intervals_of(node: Node | None, above: Node) -> list[dict[str, Any]]:
    """Return the entries of one named interval; raises ConfigError."""
    if not isinstance(node, Sequence):
        found = describe(node) if node is not None else "nothing"
        raise ConfigError(f"{above.where} {above.path}: found {found}; expected time_intervals")
    return [_entry(item) for item in node]


def _entry(node: Node) -> dict[str, Any]:
    if not isinstance(node, Mapping):
        raise ConfigError(f"{node.where} {node.path}: found {describe(node)}; expected a mapping")
    found: dict[str, Any] = {}
    times = node.get("times")
    if isinstance(times, Sequence):
        found["times"] = [_hours(item) for item in times]
    for key in LISTS:
        values = node.get(key)
        if isinstance(values, Sequence):
            found[key] = [it.text.replace(" ", "") for it in values if isinstance(it, Scalar)]
    location = node.get("location")
    if isinstance(location, Scalar):
        found["location"] = location.text
    return found


def _hours(node: Node) -> str:
    if isinstance(node, Mapping):
        match node.get("start_time"), node.get("end_time"):
            case Scalar() as start, Scalar() as end:
                return f"{start.text}-{end.text}"
    raise ConfigError(f"{node.where} {node.path}: expected start_time and end_time")
