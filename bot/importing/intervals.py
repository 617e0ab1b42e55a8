"""Alertmanager's time intervals in our way of writing them."""

from collections.abc import Callable
from typing import Any

from storage.documents import Mapping, Node, Scalar, Sequence, describe
from storage.errors import ConfigError

LOCAL = "Local"
LISTS = ("weekdays", "days_of_month", "months", "years")


Note = Callable[[Node, str], None]


def intervals_of(
    node: Node | None, above: Node, note: Note, clock: str = ""
) -> list[dict[str, Any]]:
    """Return the entries of one named interval; raises ConfigError.

    clock: the time zone of this machine; empty: nobody knows.
    """
    if not isinstance(node, Sequence):
        found = describe(node) if node is not None else "nothing"
        raise ConfigError(f"{above.where} {above.path}: found {found}; expected time_intervals")
    return [_entry(item, note, clock) for item in node]


def _entry(node: Node, note: Note, clock: str) -> dict[str, Any]:
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
    if isinstance(location, Scalar) and location.text not in ("", LOCAL):
        found["location"] = location.text
    elif isinstance(location, Scalar) and location.text == LOCAL:
        found |= {"location": clock} if clock else {}
        where = f"means the clock of Alertmanager's machine; written as {clock or 'UTC'}"
        note(location, f"{where}; set `location` if that is another")
    return found


def _hours(node: Node) -> str:
    if isinstance(node, Mapping):
        match node.get("start_time"), node.get("end_time"):
            case Scalar() as start, Scalar() as end:
                return f"{start.text}-{end.text}"
    raise ConfigError(f"{node.where} {node.path}: expected start_time and end_time")
