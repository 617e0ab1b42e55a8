"""What a rehearsal found, written as promtool writes it."""

from collections.abc import Iterable, Sequence

from routing.rules.rehearsal import Scene, WrittenAlert
from routing.rules.rehearse import AlertFailure, ExprFailure, Failure, Stumble
from storage.model.labels import NAME, Labels
from storage.promql.numbers import general
from storage.units import format_duration


def verdict_text(file: str, played: Iterable[tuple[Scene, Sequence[Failure]]]) -> str:
    """Write how the tests of one file went: SUCCESS, or each failure with what was expected."""
    failures = [_failure(scene, failure) for scene, found in played for failure in found]
    if not failures:
        return f"Unit Testing:  {file}\n  SUCCESS\n"
    return f"Unit Testing:  {file}\n  FAILED:\n" + "\n\n".join(failures) + "\n"


def _failure(scene: Scene, failure: Failure) -> str:
    name = f"    name: {scene.name},\n" if scene.name else ""
    at = format_duration(failure.at if isinstance(failure, Stumble) else failure.test.at)
    match failure:
        case Stumble(what=what, reason=reason):
            return f"{name}    {what}, time: {at}, err: {reason}"
        case AlertFailure(test=test, found=found):
            head = f"{name}    alertname: {test.name}, time: {at},"
            return f"{head}\n        exp:{_alerts(test.alerts)},\n        got:{_alerts(found)}"
        case ExprFailure(test=expr, found=rows):
            head = f"{name}    expr: {expr.expr!r}, time: {at},"
            return f"{head}\n        exp: {_samples(expr.samples)}\n        got: {_samples(rows)}"


def _alerts(alerts: Sequence[WrittenAlert]) -> str:
    """Write alerts one below the other, numbered, the least first."""
    if not alerts:
        return "[]"
    ordered = sorted(alerts, key=lambda alert: (alert.labels, alert.annotations))
    lines = ["["]
    for number, alert in enumerate(ordered):
        comma = "," if number < len(ordered) - 1 else ""
        lines += [
            f"            {number}:",
            f"              Labels:{_all(alert.labels)}",
            f"              Annotations:{_all(alert.annotations)}{comma}",
        ]
    return "\n".join([*lines, "            ]"])


def _samples(rows: Iterable[tuple[Labels, float]]) -> str:
    ordered = sorted(rows, key=lambda row: row[0])
    return ", ".join(f"{_all(labels)} {general(value)}" for labels, value in ordered) or "nil"


def _all(labels: Labels) -> str:
    """Write all labels between braces, the name among them."""
    inner = str(labels.without(NAME))
    name = f'__name__="{labels.name}"' if labels.name else ""
    return "{" + ", ".join(filter(None, (name, inner[1:-1]))) + "}"
