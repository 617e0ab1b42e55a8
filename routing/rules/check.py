"""What is allowed in a rule file and still unwise: `tocsin rules check` tells."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from routing.rules.rule import Rule, RuleGroup
from storage.errors import nearest
from storage.model.alert import Severity

SEVERITIES: Final = (*(severity.value for severity in Severity), "info")
RUNBOOKS: Final = ("runbook_url", "runbook")


@dataclass(frozen=True, slots=True)
class Finding:
    """One piece of advice. where: `file:line:column`."""

    where: str
    text: str

    def __str__(self) -> str:
        """Write as one line."""
        return f"{self.where}: {self.text}"


def findings(groups: Iterable[RuleGroup]) -> tuple[Finding, ...]:
    """Return advice for the rules, in the order of the files."""
    rules = [rule for group in groups for rule in group.rules]
    advice = [
        (rule, text)
        for rule, twin in zip(rules, _twins(rules), strict=True)
        for text in (*_twin_advice(rule, twin), *(() if rule.records else _advice(rule)))
    ]
    return tuple(Finding(rule.where, f"{rule.name}: {text}") for rule, text in advice)


def _twins(rules: Sequence[Rule]) -> Iterator[Rule | None]:
    """Give for each rule the first before it of the same name and label texts, if any."""
    first: dict[str, Rule] = {}
    for rule in rules:
        before = first.setdefault(rule.family, rule)
        yield before if before is not rule else None


def _twin_advice(rule: Rule, twin: Rule | None) -> Iterator[str]:
    if twin is None:
        return
    if rule.copy:
        yield f"the same rule stands already at {twin.where}; take one away"
    elif not rule.records:
        said = "another query has this name and these labels"
        yield f"{said}, at {twin.where}: their alerts look alike; tell them apart by a label"


def _advice(rule: Rule) -> Iterator[str]:
    severity = rule.labels.get("severity")
    if severity is None:
        yield f"no label 'severity', so it counts as a warning; one of {', '.join(SEVERITIES)}"
    elif severity.is_plain and severity.text.strip().lower() not in SEVERITIES:
        guess = nearest(severity.text, SEVERITIES)
        known = f"{guess}known: {', '.join(SEVERITIES)}"
        yield f"the severity {severity.text!r} counts as a warning; {known}"
    if "summary" not in rule.annotations:
        yield "no annotation 'summary': the message can say no more than the alert's name"
    if not any(name in rule.annotations for name in RUNBOOKS):
        yield "no annotation 'runbook_url': who is rung at night has nothing to follow"
