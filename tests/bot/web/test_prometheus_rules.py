"""Rules and alerts as Prometheus tells them."""

from dataclasses import replace
from typing import Any

import pytest

from bot.web.prometheus_asked import Asked, BadData
from bot.web.prometheus_rules import alerts_as_json, groups_as_json
from routing.flow.judge_seat import GroupStatus
from tests.routing.flow.court import Court

RULES = """
{alert: Down, expr: up == 0, for: 1m, keep_firing_for: 2m, labels: {team: shop}, annotations: {summary: "{{ $labels.job }} is down"}}
{alert: Queue, expr: queue > 10, for: 1m, annotations: {summary: "{{ $value }} of {{ query \\"sum(queue)\\" | first | value }}"}}
{alert: Quiet, expr: queue < 0}
{record: "job:up:sum", expr: sum by (job) (up), labels: {team: shop}}
{alert: Odd, expr: up + on (job) group_left queue > 0 and on (job) up + on (nope) up}
"""  # noqa: E501


@pytest.fixture
async def groups() -> tuple[GroupStatus, ...]:
    """A judge after 90 seconds of one service down, and 30 of a long queue."""
    court = Court(RULES)
    for step in range(13):
        await court.take(
            court.sample("up", 0.0, job="api"),
            court.sample("up", 1.0, job="mail"),
            court.sample("queue", 50.0 if step > 7 else 1.0, job="api"),
            complete=True,
        )
        court.clock.advance(7.5)
        await court.judge.tick()
    return court.judge.status().groups


def rules(groups: tuple[GroupStatus, ...], *asked: tuple[str, str]) -> dict[str, dict[str, Any]]:
    found, token = groups_as_json(groups, Asked(asked))
    assert token == ""
    return {rule["name"]: rule for group in found for rule in group["rules"]}


async def test_a_rule_that_fires(groups: tuple[GroupStatus, ...]) -> None:
    down = rules(groups)["Down"]
    assert {k: v for k, v in down.items() if k not in ("alerts", "evaluationTime")} == {
        "name": "Down",
        "query": "up == 0",
        "labels": {"team": "shop"},
        "annotations": {"summary": "{{ $labels.job }} is down"},
        "duration": 60.0,
        "keepFiringFor": 120.0,
        "state": "firing",
        "health": "ok",
        "type": "alerting",
        "lastEvaluation": "2026-03-02T12:01:30Z",
    }
    assert down["alerts"] == [
        {
            "labels": {"alertname": "Down", "job": "api", "team": "shop"},
            "annotations": {"summary": "api is down"},
            "state": "firing",
            "activeAt": "2026-03-02T12:00:00Z",
            "value": "0e+00",
        }
    ]


async def test_the_other_rules(groups: tuple[GroupStatus, ...]) -> None:
    found = rules(groups)
    assert [rule.get("state") for rule in found.values()] == [
        "firing", "pending", "inactive", None, "inactive"]  # fmt: skip
    # A template that quotes a query is expanded when the alert fires.
    (queue,) = found["Queue"]["alerts"]
    assert queue["labels"] == {"alertname": "Queue", "job": "api"}
    assert queue["annotations"] == {
        "summary": '{{ $value }} of {{ query "sum(queue)" | first | value }}'
    }
    assert queue["value"] == "5e+01"
    assert (found["job:up:sum"]["type"], found["job:up:sum"]["health"]) == ("recording", "ok")
    assert "alerts" not in found["job:up:sum"]
    assert found["Odd"]["health"] == "err"
    assert found["Odd"]["lastError"].startswith("several series on the right side match")


async def test_the_alerts(groups: tuple[GroupStatus, ...]) -> None:
    told = [(alert["labels"]["alertname"], alert["state"]) for alert in alerts_as_json(groups)]
    assert told == [("Down", "firing"), ("Queue", "pending")]


FILTERS = {
    ("type", "alert"): {"Down", "Queue", "Quiet", "Odd"},
    ("type", "record"): {"job:up:sum"},
    ("rule_name[]", "Queue"): {"Queue"},
    ("rule_group[]", "g"): {"Down", "Queue", "Quiet", "job:up:sum", "Odd"},
    ("rule_group[]", "other"): set[str](),
    ("file[]", "other"): set[str](),
    ("match[]", '{team="shop"}'): {"Down", "job:up:sum"},
}


async def test_filters(groups: tuple[GroupStatus, ...]) -> None:
    for asked, names in FILTERS.items():
        assert (asked, set(rules(groups, asked))) == (asked, names)
    bare = rules(groups, ("exclude_alerts", "true"))
    assert bare["Down"]["alerts"] == []


async def test_pages(groups: tuple[GroupStatus, ...]) -> None:
    (group,) = groups
    several = (group, replace(group, key="f;h", name="h"))
    first, token = groups_as_json(several, Asked([("group_limit", "1")]))
    assert ([g["name"] for g in first], token) == (["g"], "f;h")
    asked = Asked([("group_limit", "5"), ("group_next_token", token)])
    last, token = groups_as_json(several, asked)
    assert ([g["name"] for g in last], token) == (["h"], "")
    with pytest.raises(BadData, match="group_limit needs to be set"):
        groups_as_json(groups, Asked([("group_next_token", "x")]))
    with pytest.raises(BadData, match="invalid group_next_token"):
        groups_as_json(groups, Asked([("group_next_token", "x"), ("group_limit", "1")]))
