"""A rule's answer, held against what is remembered -> what changed, and the alerts that tell it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from routing.rules.lifecycle import Change, Look, Now, RuleState, Waits, step
from routing.rules.rule import Rule
from routing.rules.template import NOWHERE, Outside, Row, Template, TemplateError, expand
from storage.model.alert import Alert, AlertStatus, Trace
from storage.model.labels import NAME, Fingerprint, Labels

States = Mapping[Fingerprint, RuleState]
Answers = Mapping[str, Sequence[Row] | str]

REASON: Final = "reason"
"""The annotation that says why an alert is over when its samples do not say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What judging did to one series: the state before and after, and what must be told."""

    fingerprint: Fingerprint
    before: RuleState | None
    after: RuleState | None
    change: Change | None

    @property
    def matters(self) -> bool:
        """Say whether the row of this series must be written; a new value alone does not."""
        if self.before is None or self.after is None:
            return self.before is not self.after
        return _lasting(self.before) != _lasting(self.after)

    def telling(self, alert: Alert) -> "Moved":
        """Return the same move with the alert as it is told; a state that ends keeps none."""
        after = None if self.after is None else replace(self.after, alert=alert)
        return replace(self, after=after)


def _lasting(state: RuleState) -> RuleState:
    return replace(state, value=None, true_at=None)


def judged(
    rule: Rule,
    states: States,
    rows: Iterable[tuple[Labels, float]],
    look: Callable[[Labels, float | None, tuple[str, ...]], Look],
    now: Now,
) -> tuple[Moved, ...]:
    """Take each series of the answer, and each that is remembered, one step on.

    look: (labels, value or None, who fed it when it became true) -> what is seen of it. The
    order of the series does not matter.
    """
    return tuple(each_judged(rule, states, rows, look, now))


def each_judged(
    rule: Rule,
    states: States,
    rows: Iterable[tuple[Labels, float]],
    look: Callable[[Labels, float | None, tuple[str, ...]], Look],
    now: Now,
) -> Iterator[Moved]:
    """Do as `judged`, one series at a time: others may have their turn in between."""
    waits = Waits(hold=rule.hold, keep_firing_for=rule.keep_firing_for)
    seen = {labels.fingerprint: (labels, value) for labels, value in rows}
    for fingerprint in sorted({*seen, *states}):
        before = states.get(fingerprint)
        labels, value = seen.get(fingerprint) or (_labels(before), None)
        found = look(labels, value, before.sources if before else ())
        after, change = step(before, found, now, waits)
        if before is not None or after is not None:
            yield Moved(fingerprint=fingerprint, before=before, after=after, change=change)


def _labels(state: RuleState | None) -> Labels:
    return state.labels if state else Labels()


def unclear(values: Iterable[Labels], clear: Iterable[Labels]) -> frozenset[Labels]:
    """Return the series, less their names, that have a value for `clear_when` and are not clear.

    values, clear: the series with a value for it, and those for which it holds.
    """
    held = {labels.without(NAME) for labels in values}
    return frozenset(held - {labels.without(NAME) for labels in clear})


def plainly_named(rule: Rule, labels: Labels) -> Labels | None:
    """Return the labels of the alert about one series; None where a template must be expanded."""
    if not all(made.is_plain for made in rule.labels.values()):
        return None
    own = {name: made.text for name, made in rule.labels.items()}
    return labels.without(NAME).with_({**own, "alertname": rule.name})


def worded(
    rule: Rule, labels: Labels, value: float, answers: Answers, outside: Outside = NOWHERE
) -> tuple[Labels, Labels]:
    """Return labels and annotations of the alert about one series, templates expanded.

    answers: query -> rows, or the reason why there are none. Raises Wanted for a query that
    is not among them. A template that fails falls back to its plain text and the reason: the
    alert goes anyway.
    """

    def text(made: Template) -> str:
        return _text(made, labels, value, answers, outside)

    own = {name: text(made) for name, made in rule.labels.items()}
    named = {**dict(labels.without(NAME)), **own, "alertname": rule.name}
    notes = {name: text(made) for name, made in rule.annotations.items()}
    return Labels.of(named), Labels.of(notes)


def _text(made: Template, labels: Labels, value: float, answers: Answers, outside: Outside) -> str:
    if made.is_plain:
        return made.text
    try:
        return expand(made, labels=labels, value=value, answers=answers, outside=outside)
    except TemplateError as error:
        return f"{made.text} (this template failed: {error})"


def fired(state: RuleState, words: tuple[Labels, Labels], now: Now, trace: Trace) -> Alert:
    """Return the alert that tells that the series began to fire."""
    labels, annotations = words
    return Alert(
        labels=labels,
        annotations=annotations,
        starts_at=now.wall,
        value=state.value,
        trace=trace,
    )


def retold(alert: Alert, after: RuleState | None, now: Now, trace: Trace) -> Alert:
    """Return the alert as it stands after its series moved on; `after` None: it is over."""
    if after is None:
        return replace(
            alert,
            status=AlertStatus.RESOLVED,
            ends_at=now.wall,
            no_data_since=None,
            trace=trace,
        )
    return replace(alert, no_data_since=after.no_data_since, value=after.value, trace=trace)


def ended(alert: Alert, reason: str, now: Now) -> Alert:
    """Return the alert as over for a reason that its samples do not tell."""
    notes = alert.annotations.with_({REASON: reason})
    return replace(retold(alert, None, now, alert.trace), annotations=notes)


def without_twins(
    alerts: Sequence[Alert], dropped: Iterable[Fingerprint], holders: Mapping[Fingerprint, int]
) -> list[Alert]:
    """Leave out each end of an alert that another series or rule still holds firing.

    dropped: of the states that end.  holders: how many states held each alert before.
    """
    going = Counter(dropped)
    firing = {alert.fingerprint for alert in alerts if alert.is_firing}
    return [
        alert
        for alert in alerts
        if alert.is_firing
        or (
            alert.fingerprint not in firing
            and holders.get(alert.fingerprint, 0) <= going[alert.fingerprint]
        )
    ]
