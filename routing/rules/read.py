"""Prometheus' rule files, unchanged -> rules; every fault of every file in one error."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from routing.rules.rule import NEVER, Rule, RuleGroup, evidence_of
from routing.rules.template import Template, TemplateError, parse_template
from storage.documents import Faults, Mapping, Node, Scalar, describe, parse_document, read_document
from storage.errors import ConfigError, QueryError
from storage.promql.parse import parse
from storage.promql.tree import Expr, Kind, kind
from storage.units import parse_duration

INTERVAL: Final = timedelta(seconds=15)
"""How often a group is judged that does not say."""

GROUP_KEYS = ("name", "interval", "limit", "query_offset", "labels", "rules")
ALERT_KEYS = (
    *("alert", "expr", "for", "keep_firing_for", "labels", "annotations"),
    *("clear_when", "shadow"),  # ours
)
RECORD_KEYS = ("record", "expr", "labels")

_METRIC = re.compile(r"[^{}]+")
_PLACE = re.compile(r"(\d+):(\d+): ")


def read_rules(paths: Iterable[Path], *, interval: timedelta = INTERVAL) -> tuple[RuleGroup, ...]:
    """Read rule files; raises ConfigError with every fault (`file:line:column where: ...`).

    interval: for groups that name none.
    """
    reader = _Reader(interval)
    for path in paths:
        try:
            reader.document(read_document(path))
        except ConfigError as error:
            reader.faults.take(error)
    reader.faults.raise_all()
    return tuple(reader.groups)


def parse_rules(text: str, file: str, *, interval: timedelta = INTERVAL) -> tuple[RuleGroup, ...]:
    """Read rules from a text; `file` is what faults call it. Raises ConfigError."""
    reader = _Reader(interval)
    reader.document(parse_document(text, file))
    reader.faults.raise_all()
    return tuple(reader.groups)


class _Reader:
    """Gathers groups, and the faults of all files."""

    def __init__(self, interval: timedelta) -> None:
        self.groups: list[RuleGroup] = []
        self.faults = Faults()
        self._interval = interval
        self._known: Counter[str] = Counter()  # rule key -> how often it stands there

    def document(self, top: Node) -> None:
        if isinstance(top, Scalar) and top.value is None:
            return
        mapping = self.faults.mapping(top, "a mapping with the key 'groups'")
        if mapping is None:
            return
        self.faults.only(mapping, ("groups",))
        groups = mapping.get("groups")
        names: dict[str, str] = {}
        for node in self._items(groups, "a list of groups"):
            self._group(node, names)

    def _group(self, node: Node, names: dict[str, str]) -> None:
        mapping = self.faults.mapping(node, "a group: a mapping with 'name' and 'rules'")
        if mapping is None:
            return
        self.faults.only(mapping, GROUP_KEYS)
        name = self._required(mapping, "name", "the group's name")
        if name is not None and name.text in names:
            said = f"a group called {name.text!r} stands already at {names[name.text]}"
            self.faults.add(name, f"{said}; expected another name")
        elif name is not None:
            names[name.text] = name.where
        interval = self._duration(mapping, "interval", self._interval)
        if interval <= NEVER:
            self.faults.add(mapping.get("interval") or mapping, "the interval must be above 0")
        shared = self._templates(mapping, "labels", labels=True)
        rules = [
            replace(rule, group=name.text if name else "")
            for item in self._items(mapping.get("rules"), "a list of rules")
            if (rule := self._rule(item, shared)) is not None
        ]
        group = RuleGroup(
            name=name.text if name else "",
            file=mapping.file,
            interval=interval,
            rules=tuple(rules),
            limit=self._limit(mapping),
            query_offset=self._duration(mapping, "query_offset", NEVER),
        )
        self.groups.append(group)

    def _rule(self, node: Node, shared: dict[str, Template]) -> Rule | None:
        mapping = self.faults.mapping(node, "a rule: a mapping with 'alert' and 'expr'")
        if mapping is None:
            return None
        if ("alert" in mapping) == ("record" in mapping):
            both = "both 'alert' and 'record'" if "alert" in mapping else "neither"
            self.faults.add(mapping, f"found {both}; expected one of 'alert' and 'record'")
            return None
        records = "record" in mapping
        self.faults.only(mapping, RECORD_KEYS if records else ALERT_KEYS)
        name = self._required(mapping, "record" if records else "alert", "the rule's name")
        expr, tree = self._expr(mapping, "expr")
        clear_when, clear_tree = self._clear_when(mapping)
        labels = {**shared, **self._templates(mapping, "labels", labels=True)}
        annotations = self._templates(mapping, "annotations", labels=False)
        hold = self._duration(mapping, "for", NEVER)
        keep = self._duration(mapping, "keep_firing_for", NEVER)
        if records and name is not None and not _METRIC.fullmatch(name.text):
            self.faults.add(name, f"found {name.text!r}; expected a metric's name, without braces")
        if name is None or tree is None:
            return None
        rule = Rule(
            name=name.text,
            records=records,
            expr=expr,
            tree=tree,
            hold=hold,
            keep_firing_for=keep,
            labels=labels,
            annotations=annotations,
            clear_when=clear_when,
            clear_tree=clear_tree,
            shadow=self._flag(mapping, "shadow"),
            where=mapping.where,
        )
        return self._once(rule)

    def _once(self, rule: Rule) -> Rule:
        """Tell a rule from one that is there already, to the letter, as Prometheus lets it be."""
        key = rule.key
        self._known[key] += 1
        return replace(rule, copy=self._known[key] - 1)

    def _clear_when(self, mapping: Mapping) -> tuple[str, Expr | None]:
        """Read it; it must compare with a number, or a series that is gone would fire for ever."""
        node = mapping.get("clear_when")
        if node is None:
            return "", None
        text, tree = self._expr(mapping, "clear_when")
        if tree is not None and not evidence_of(text, tree):
            right = "expected a comparison with a number, such as queue_depth < 60"
            self.faults.add(node, f"found {describe(node)}; {right}")
            return text, None
        return text, tree

    def _expr(self, mapping: Mapping, name: str) -> tuple[str, Expr | None]:
        node = self._required(mapping, name, "a PromQL expression")
        if node is None:
            return "", None
        try:
            tree = parse(node.text)
        except QueryError as error:
            found = _PLACE.match(str(error))
            place = (int(found[1]), int(found[2])) if found else (1, 0)
            said = str(error)[found.end() :] if found else str(error)
            self.faults.add(_inside(node, mapping, *place), said)
            return node.text, None
        if kind(tree) not in {Kind.VECTOR, Kind.SCALAR}:
            self.faults.add(node, f"found a {kind(tree)}; expected an instant vector or a number")
            return node.text, None
        return node.text, tree

    def _templates(self, mapping: Mapping, name: str, *, labels: bool) -> dict[str, Template]:
        node = mapping.get(name)
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return {}
        entries = self.faults.mapping(node, f"a mapping of {name}")
        found: dict[str, Template] = {}
        for key, value in entries or ():
            if labels and key.text in {"", "__name__"}:
                self.faults.add(key, f"found {key.text!r}; expected the name of a label to set")
            if not isinstance(value, Scalar):
                self.faults.add(value, f"found {describe(value)}; expected a text")
                continue
            try:
                found[key.text] = parse_template(value.text)
            except TemplateError as error:
                before = value.text[: error.at]
                line, column = before.count("\n") + 1, error.at - before.rfind("\n")
                at = _inside(value, key, line, column)
                self.faults.add(at, f"the template does not parse: {error}")
        return found

    def _duration(self, mapping: Mapping, name: str, missing: timedelta) -> timedelta:
        node = mapping.get(name)
        if node is None or (scalar := self.faults.text(node, "a duration such as 5m")) is None:
            return missing
        try:
            return parse_duration(scalar.text)
        except ValueError as error:
            self.faults.add(scalar, f"{error}")
            return missing

    def _flag(self, mapping: Mapping, name: str) -> bool:
        node = mapping.get(name)
        if node is None or (isinstance(node, Scalar) and isinstance(node.value, bool)):
            return isinstance(node, Scalar) and bool(node.value)
        self.faults.add(node, f"found {describe(node)}; expected true or false")
        return False

    def _limit(self, mapping: Mapping) -> int:
        node = mapping.get("limit")
        if node is None:
            return 0
        if isinstance(node, Scalar) and isinstance(node.value, int) and node.value >= 0:
            return int(node.value)
        self.faults.add(node, f"found {describe(node)}; expected a whole number, 0 for no limit")
        return 0

    def _items(self, node: Node | None, expected: str) -> tuple[Node, ...]:
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return ()
        return self.faults.sequence(node, expected)

    def _required(self, mapping: Mapping, name: str, expected: str) -> Scalar | None:
        node = mapping.get(name)
        if node is None:
            self.faults.add(mapping, f"{name!r} is missing; expected {expected}")
            return None
        scalar = self.faults.text(node, expected)
        if scalar is not None and not scalar.text.strip():
            self.faults.add(scalar, f"found an empty text; expected {expected}")
            return None
        return scalar


def _inside(node: Scalar, parent: Node, line: int, column: int) -> Node:
    """Return `node`, placed at a line and column (from 1; 0: unknown) of its own text.

    In a block text the indentation is not known; two more than the parent's is the custom.
    """
    first = line == 1 and node.text_column
    indented = node.text_column if first else (1 if node.text_column else parent.column + 2)
    return replace(node, line=node.text_line + line - 1, column=indented + max(column, 1) - 1)
