"""The rules in force and their alerts, as Prometheus' `/api/v1/rules` and `/alerts` tell them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.web.prometheus_asked import Asked, BadData, invalid
from routing.flow.judge_seat import GroupStatus, RuleStatus
from routing.rules.lifecycle import Phase, RuleState
from routing.rules.rule import Rule
from routing.rules.template import Wanted
from routing.rules.verdict import worded
from storage.model.labels import Labels, Matcher
from storage.promql.numbers import scientific

NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""What Go's zero time is told as."""
KINDS = {"": ("alerting", "recording"), "alert": ("alerting",), "record": ("recording",)}

Json = dict[str, Any]


def groups_as_json(groups: Sequence[GroupStatus], asked: Asked) -> tuple[list[Json], str]:
    """Return the groups that are asked for, and the token of the next page (empty: no more).

    Filters: type, rule_name[], rule_group[], file[], match[] (on the rules' own labels),
    exclude_alerts, group_limit with group_next_token. A group of which nothing is left is left
    out.
    """
    if asked.text("type").lower() not in KINDS:
        raise invalid("type", f'not supported value "{asked.text("type")[:100]}"')
    matching = asked.matchers()
    bare = asked.text("exclude_alerts").lower() in ("true", "1", "t")
    chosen: list[tuple[GroupStatus, list[RuleStatus]]] = []
    for group in groups:
        if _among(group.name, asked.all("rule_group[]")) and _among(
            group.file, asked.all("file[]")
        ):
            rules = [rule for rule in group.rules if _wanted(rule, asked, matching)]
            chosen += [(group, rules)] if rules or not group.rules else []
    page, token = _page(chosen, asked)
    return [_group(group, rules, bare=bare) for group, rules in page], token


def alerts_as_json(groups: Sequence[GroupStatus]) -> list[Json]:
    """Return every alert that is pending or firing, but for those of rules in the shadow."""
    lit = [rule for group in groups for rule in group.rules if not rule.rule.shadow]
    return [alert for rule in lit for alert in _alerts(rule)]


def _page(
    chosen: list[tuple[GroupStatus, list[RuleStatus]]], asked: Asked
) -> tuple[list[tuple[GroupStatus, list[RuleStatus]]], str]:
    """Return as many groups as a page holds, from the token's group on."""
    limit, token = asked.limit("group_limit"), asked.text("group_next_token")
    if token and not limit:
        raise invalid("group_limit", "group_limit needs to be set in order to paginate over rules")
    keys = [group.key for group, _ in chosen]
    if token and token not in keys:
        raise BadData(f"invalid group_next_token '{token[:100]}'. were rule groups changed?")
    start = keys.index(token) if token else 0
    end = start + limit if limit else len(keys)
    return chosen[start:end], keys[end] if end < len(keys) else ""


def _wanted(status: RuleStatus, asked: Asked, matching: Sequence[tuple[Matcher, ...]]) -> bool:
    rule = status.rule
    own = Labels.of({name: made.text for name, made in rule.labels.items()})
    return (
        _kind(rule) in KINDS[asked.text("type").lower()]
        and _among(rule.name, asked.all("rule_name[]"))
        and (
            not matching
            or any(all(matcher.matches(own) for matcher in matchers) for matchers in matching)
        )
    )


def _among(name: str, wanted: list[str]) -> bool:
    return not wanted or name in wanted


def _kind(rule: Rule) -> str:
    return "recording" if rule.records else "alerting"


def _group(group: GroupStatus, rules: list[RuleStatus], *, bare: bool) -> Json:
    return {
        "name": group.name,
        "file": group.file,
        "rules": [_rule(rule, bare=bare) for rule in rules],
        "interval": group.interval,
        "limit": group.limit,
        "evaluationTime": group.seconds,
        "lastEvaluation": _moment(group.last_judged),
    }


def _rule(status: RuleStatus, *, bare: bool) -> Json:
    rule = status.rule
    health = "err" if status.problem else "unknown" if status.last_judged is None else "ok"
    told: Json = {
        "name": rule.name,
        "query": rule.expr,
        "labels": {name: made.text for name, made in rule.labels.items()},
        "health": health,
        "evaluationTime": status.seconds,
        "lastEvaluation": _moment(status.last_judged),
        "type": _kind(rule),
    }
    if status.problem:
        told["lastError"] = status.problem
    if not rule.records:
        told |= {
            "state": _state(status),
            "duration": rule.hold.total_seconds(),
            "keepFiringFor": rule.keep_firing_for.total_seconds(),
            "annotations": {name: made.text for name, made in rule.annotations.items()},
            "alerts": [] if bare else [*_alerts(status)],
        }
    return told


def _state(status: RuleStatus) -> str:
    phases = {state.phase for state in status.states.values()}
    if not phases:
        return "inactive"
    return "pending" if phases == {Phase.PENDING} else "firing"


def _alerts(status: RuleStatus) -> Iterator[Json]:
    for state in status.states.values():
        labels, annotations = _words(status.rule, state)
        told = {
            "labels": dict(labels),
            "annotations": dict(annotations),
            "state": "pending" if state.phase is Phase.PENDING else "firing",
            "activeAt": _moment(state.since),
            "value": scientific(state.value or 0.0),
        }
        yield told


def _words(rule: Rule, state: RuleState) -> tuple[Labels, Labels]:
    """Return labels and annotations as they were told, or as they would be.

    A template that quotes a query is only expanded once the alert fires; until then its plain
    text stands there.
    """
    if state.alert is not None:
        return state.alert.labels, state.alert.annotations
    try:
        return worded(rule, state.labels, state.value or 0.0, {})
    except Wanted:
        plain = {name: made.text for name, made in rule.annotations.items()}
        return state.labels.with_({"__name__": "", "alertname": rule.name}), Labels.of(plain)


def _moment(at: datetime | None) -> str:
    """Write a moment as RFC 3339."""
    return (at or NEVER).isoformat().replace("+00:00", "Z")
