"""What is allowed in a rule file and still unwise: `tocsin rules check` tells."""

from collections.abc import Iterable, Iterator
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
    """Return advice for every alerting rule, in the order of the files."""
    return tuple(
        Finding(rule.where, f"{rule.name}: {text}")
        for group in groups
        for rule in group.rules
        if not rule.records
        for text in _advice(rule)
    )


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
