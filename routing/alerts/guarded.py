"""Alerts that say that we are blind: nobody turns them off by accident."""

from collections.abc import Iterable

from storage.model.labels import Labels, Matcher, MatchOp

GUARDED = {"SourceSilent": "alertname"}
"""Alerts that Tocsin raises when somebody whom it waits for says nothing, and what names one."""
HEARTBEAT = "heartbeat"
"""The label of an alert about a heartbeat; its value names the heartbeat."""


def names_exactly(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Say whether these matchers may hide an alert: a guarded one only if they name it by `=`.

    `team=shop`, `alertname=~".*"` and the like hide everything but these.
    """
    named = [label for label in (GUARDED.get(labels.get("alertname")), HEARTBEAT) if label]
    exact = [Matcher(label, MatchOp.EQUAL, labels.get(label)) for label in named]
    guarded = [matcher for matcher in exact if matcher.value]
    return not guarded or any(matcher in guarded for matcher in matchers)
