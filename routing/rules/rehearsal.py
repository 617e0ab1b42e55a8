"""promtool's unit tests of rules, as their file says: series by hand, and what must come out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from routing.rules.template import Outside
from storage.documents import Faults, Node, Scalar, describe, read_document
from storage.documents import Mapping as Section
from storage.errors import QueryError
from storage.model.labels import Labels
from storage.promql.notation import parse_metric, parse_values
from storage.promql.parse import parse
from storage.promql.tree import Expr
from storage.units import parse_duration

INTERVAL: Final = timedelta(minutes=1)
"""How often rules are evaluated where the file does not say: promtool's own default."""

FILE_KEYS = ("rule_files", "evaluation_interval", "group_eval_order", "fuzzy_compare", "tests")
_WORD = re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE)  # what YAML writes for inf and NaN
SCENE_KEYS = (
    "name",
    "interval",
    "input_series",
    "alert_rule_test",
    "promql_expr_test",
    "external_labels",
    "external_url",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenAlert:
    """One alert that must fire; the label `alertname` is understood."""

    labels: Labels
    annotations: Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTest:
    """At `at` after the start exactly these alerts of this name fire."""

    at: timedelta
    name: str
    alerts: tuple[WrittenAlert, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExprTest:
    """At `at` after the start the query answers exactly these samples."""

    at: timedelta
    expr: str
    tree: Expr
    samples: tuple[tuple[Labels, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One test: series from second 0 on, one value an `interval`, and what must come out."""

    name: str
    interval: timedelta
    series: tuple[tuple[Labels, tuple[float | None, ...]], ...]
    alerts: tuple[AlertTest, ...] = ()
    exprs: tuple[ExprTest, ...] = ()
    outside: Outside = field(default_factory=Outside)

    @property
    def end(self) -> timedelta:
        """Return when the last thing is looked at."""
        moments = [test.at for test in self.alerts] + [test.at for test in self.exprs]
        return max(moments, default=timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A file of tests.

    rule_files: found by its patterns, beside it.  unmatched: patterns that find no file.
    order:      names of groups in which they are evaluated; the others come last.
    fuzzy:      numbers that differ in the last bit are equal.
    """

    rule_files: tuple[Path, ...]
    unmatched: tuple[str, ...]
    interval: timedelta
    order: tuple[str, ...]
    fuzzy: bool
    scenes: tuple[Scene, ...]


def read_rehearsal(path: Path) -> Rehearsal:
    """Read a file of tests; raises ConfigError with every fault (`file:line:column where: ...`)."""
    reader = _Reader(path.parent)
    rehearsal = reader.document(read_document(path))
    reader.faults.raise_all()
    assert rehearsal is not None
    return rehearsal


class _Reader:
    """Reads the parts of a file and gathers their faults."""

    def __init__(self, folder: Path) -> None:
        self.faults = Faults()
        self._folder = folder

    def document(self, top: Node) -> Rehearsal | None:
        section = self.faults.mapping(top, "a mapping with 'rule_files' and 'tests'")
        if section is None:
            return None
        self.faults.only(section, FILE_KEYS)
        interval = self._duration(section, "evaluation_interval", INTERVAL) or INTERVAL
        patterns = self._texts(section, "rule_files")
        found = {pattern: self._files(pattern) for pattern in patterns}
        order = self._texts(section, "group_eval_order")
        if len(set(order)) < len(order):
            node = section.get("group_eval_order") or section
            self.faults.add(node, "a group stands twice; expected each group once")
        return Rehearsal(
            rule_files=tuple(dict.fromkeys(file for files in found.values() for file in files)),
            unmatched=tuple(pattern for pattern, files in found.items() if not files),
            interval=interval,
            order=order,
            fuzzy=self._flag(section, "fuzzy_compare"),
            scenes=tuple(
                scene
                for node in self._items(section, "tests")
                if (scene := self._scene(node, interval)) is not None
            ),
        )

    def _files(self, pattern: str) -> list[Path]:
        if (path := Path(pattern)).is_absolute():
            return sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        plain = self._folder / pattern
        return [plain] if plain.is_file() else sorted(self._folder.glob(pattern))

    def _scene(self, node: Node, interval: timedelta) -> Scene | None:
        section = self.faults.mapping(node, "a test: a mapping with 'input_series'")
        if section is None:
            return None
        self.faults.only(section, SCENE_KEYS)
        url = self._text(section, "external_url", "")
        return Scene(
            name=self._text(section, "name", ""),
            interval=self._duration(section, "interval", interval) or interval,
            series=tuple(map(self._series, self._sections(section, "input_series"))),
            alerts=tuple(map(self._alert_test, self._sections(section, "alert_rule_test"))),
            exprs=tuple(
                test
                for item in self._sections(section, "promql_expr_test")
                if (test := self._expr_test(item)) is not None
            ),
            outside=Outside(labels=self._words(section, "external_labels"), url=url),
        )

    def _series(self, section: Section) -> tuple[Labels, tuple[float | None, ...]]:
        self.faults.only(section, ("series", "values"))
        labels, values = Labels(), tuple[float | None, ...]()
        if (series := self._required(section, "series", 'a series such as up{job="api"}')) is None:
            return labels, values
        try:
            labels = parse_metric(series.text)
        except QueryError as error:
            self.faults.add(series, str(error))
        written = self._required(section, "values", "values such as 0+10x5")
        if written is not None:
            try:
                values = parse_values(written.text)
            except QueryError as error:
                self.faults.add(written, str(error))
        return labels, values

    def _alert_test(self, section: Section) -> AlertTest:
        self.faults.only(section, ("eval_time", "alertname", "exp_alerts"))
        name = self._required(section, "alertname", "the name of an alert")
        return AlertTest(
            at=self._duration(section, "eval_time", timedelta(0)),
            name=name.text if name else "",
            alerts=tuple(
                self._alert(item, name.text if name else "")
                for item in self._sections(section, "exp_alerts")
            ),
        )

    def _alert(self, section: Section, name: str) -> WrittenAlert:
        self.faults.only(section, ("exp_labels", "exp_annotations"))
        labels = {**self._words(section, "exp_labels"), "alertname": name}
        notes = self._words(section, "exp_annotations")
        return WrittenAlert(labels=Labels.of(labels), annotations=Labels.of(notes))

    def _expr_test(self, section: Section) -> ExprTest | None:
        self.faults.only(section, ("expr", "eval_time", "exp_samples"))
        at = self._duration(section, "eval_time", timedelta(0))
        samples = tuple(map(self._sample, self._sections(section, "exp_samples")))
        if (expr := self._required(section, "expr", "a PromQL expression")) is None:
            return None
        try:
            return ExprTest(at=at, expr=expr.text, tree=parse(expr.text), samples=samples)
        except QueryError as error:
            self.faults.add(expr, str(error))
            return None

    def _sample(self, section: Section) -> tuple[Labels, float]:
        self.faults.only(section, ("labels", "value"))
        labels = Labels()
        if (written := section.get("labels")) is not None:
            scalar = self.faults.text(written, 'a series such as up{job="api"}')
            try:
                labels = parse_metric(scalar.text if scalar else "")
            except QueryError as error:
                self.faults.add(written, str(error))
        return labels, self._number(section)

    def _number(self, section: Section) -> float:
        node = section.get("value")
        if node is None:
            return 0.0
        text = node.text if isinstance(node, Scalar) else ""
        try:
            return float(text.replace(".", "", 1) if _WORD.fullmatch(text) else text)
        except ValueError:
            self.faults.add(node, f"found {describe(node)}; expected a number")
            return 0.0

    def _sections(self, section: Section, name: str) -> list[Section]:
        found = (self.faults.mapping(node) for node in self._items(section, name))
        return [one for one in found if one is not None]

    def _items(self, section: Section, name: str) -> tuple[Node, ...]:
        node = section.get(name)
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return ()
        return self.faults.sequence(node)

    def _texts(self, section: Section, name: str) -> tuple[str, ...]:
        found = (self.faults.text(node) for node in self._items(section, name))
        return tuple(one.text for one in found if one is not None)

    def _words(self, section: Section, name: str) -> Mapping[str, str]:
        """Read a mapping of texts; nothing where it is missing."""
        node = section.get(name)
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return {}
        found = self.faults.mapping(node, f"a mapping of {name}")
        pairs = [(key.text, self.faults.text(value)) for key, value in found or ()]
        return {key: scalar.text for key, scalar in pairs if scalar is not None}

    def _text(self, section: Section, name: str, missing: str) -> str:
        node = section.get(name)
        scalar = self.faults.text(node) if node is not None else None
        return scalar.text if scalar else missing

    def _required(self, section: Section, name: str, expected: str) -> Scalar | None:
        node = section.get(name)
        if node is None:
            self.faults.add(section, f"{name!r} is missing; expected {expected}")
            return None
        return self.faults.text(node, expected)

    def _flag(self, section: Section, name: str) -> bool:
        node = section.get(name)
        if node is None or (isinstance(node, Scalar) and isinstance(node.value, bool)):
            return isinstance(node, Scalar) and bool(node.value)
        self.faults.add(node, f"found {describe(node)}; expected true or false")
        return False

    def _duration(self, section: Section, name: str, missing: timedelta) -> timedelta:
        node = section.get(name)
        if node is None or (scalar := self.faults.text(node, "a duration such as 5m")) is None:
            return missing
        try:
            return parse_duration(scalar.text)
        except ValueError as error:
            self.faults.add(scalar, str(error))
            return missing
