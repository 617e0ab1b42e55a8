"""Reads test cases in Prometheus' own notation: `load`, `eval`, `eval_ordered`, `eval_fail`."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from storage.model.labels import Labels, MatchOp
from storage.model.sample import STALE
from storage.promql.parse import parse
from storage.promql.tree import Selector

_EVAL = re.compile(
    r"(eval|eval_ordered|eval_fail) (?:instant at (\S+)|range from (\S+) to (\S+) step (\S+)) (.+)"
)
_RUN = re.compile(r"(-?[\d.]+(?:e\d+)?)(?:([+-][\d.]+))?x(\d+)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass
class Case:
    """One evaluation: the samples before it, and what must come out.

    expected: labels -> one value a step, None where absent; {None: ...} for a number.
    """

    name: str
    data: dict[Labels, list[tuple[float, float]]]
    query: str
    start: float
    end: float
    step: float
    ordered: bool = False
    fails: bool = False
    message: str = ""
    expected: dict[Labels | None, list[float | None]] = field(default_factory=dict)


def read_cases(path: Path) -> list[Case]:
    """Read every evaluation of one file."""
    cases: list[Case] = []
    data: dict[Labels, list[tuple[float, float]]] = {}
    interval = 0.0
    for number, raw in enumerate(path.read_text().splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line == "clear":
            data = {}
        elif line.startswith("load "):
            interval = seconds(line.removeprefix("load "))
        elif found := _EVAL.fullmatch(line):
            cases.append(_case(f"{path.stem}:{number}", found, dict(data)))
            interval = 0.0
        elif line.startswith("expect fail "):
            cases[-1].message = line.removeprefix("expect fail ")
        elif interval:
            labels, values = _series(line)
            points = [(i * interval, v) for i, v in enumerate(values) if v is not None]
            data[labels] = data.get(labels, []) + points
        else:
            _expect(cases[-1], line)
    return cases


def seconds(text: str) -> float:
    """Read `1h30m`, `90s` or `-5m`."""
    sign = -1.0 if text.startswith("-") else 1.0
    parts = re.findall(r"([\d.]+)(ms|[smhd])?", text)
    return sign * sum(float(amount) * _UNITS[unit or "s"] for amount, unit in parts)


def _case(name: str, found: "re.Match[str]", data: dict[Labels, list[tuple[float, float]]]) -> Case:
    word, at, start, end, step, query = found.groups()
    moments = (at, at, "0s") if at else (start, end, step)
    case = Case(name, data, query, *map(seconds, moments))
    case.ordered, case.fails = word == "eval_ordered", word == "eval_fail"
    return case


def _expect(case: Case, line: str) -> None:
    if re.match(r"[-+]?(?:[\d.]|Inf|NaN)", line):
        case.expected[None] = [_number(word) for word in line.split()]
    else:
        labels, values = _series(line)
        case.expected[labels] = values


def _series(line: str) -> tuple[Labels, list[float | None]]:
    """Read `up{job="api"} 0+10x5 _ stale`."""
    head, rest = re.fullmatch(r"([\w:]*(?:\{.*\})?)\s*(.*)", line).groups()  # type: ignore[union-attr]
    values: list[float | None] = []
    for word in rest.split():
        values += _values(word)
    if head in ("", "{}"):
        return Labels(), values
    selector = parse(head)
    assert isinstance(selector, Selector), line
    assert all(matcher.op is MatchOp.EQUAL for matcher in selector.matchers)
    return Labels.of({matcher.name: matcher.value for matcher in selector.matchers}), values


def _values(word: str) -> list[float | None]:
    if word.startswith("_"):
        return [None] * int(word[2:] or 1)
    if found := _RUN.fullmatch(word):
        first, step, times = float(found[1]), float(found[2] or 0), int(found[3])
        return [first + step * i for i in range(times + 1)]
    return [_number(word)]


def _number(word: str) -> float:
    return STALE if word == "stale" else float(word)
