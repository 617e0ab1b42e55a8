"""Alerts of Alertmanager, Grafana and PagerDuty's senders, as they come over the wire."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.doors import alertmanager, grafana, pagerduty
from bot.doors.door import Arrived, Caller, Refused
from bot.ingest.format import BadPayload
from storage.model.alert import Alert, AlertStatus
from storage.model.labels import Labels

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CALLER = Caller(source="old", now=NOON)
ENTRY = {
    "status": "firing",
    "labels": {"alertname": "DiskFull", "severity": "critical", "instance": "db1"},
    "annotations": {"summary": "db1 is full"},
    "startsAt": "2026-03-02T11:58:00.123456789Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus/graph?g0.expr=up",
    "fingerprint": "d5b2c3a4e5f60718",
}
DISK_FULL = Alert(
    labels=Labels.of({"alertname": "DiskFull", "severity": "critical", "instance": "db1"}),
    annotations=Labels.of({"summary": "db1 is full"}),
    starts_at=datetime(2026, 3, 2, 11, 58, 0, 123456, tzinfo=UTC),
    source="old",
    generator_url="http://prometheus/graph?g0.expr=up",
    dated=True,
)


def webhook(*entries: Any) -> dict[str, Any]:
    """Return Alertmanager's payload around these alerts."""
    return {
        "version": "4",
        "groupKey": '{}:{alertname="DiskFull"}',
        "status": "firing",
        "receiver": "tocsin",
        "truncatedAlerts": 0,
        "alerts": list(entries),
    }


@pytest.mark.parametrize(("entry", "alert"), [
    pytest.param(ENTRY, DISK_FULL, id="firing"),
    pytest.param(ENTRY | {"status": "resolved", "endsAt": "2026-03-02T12:59:30+01:00"},
        DISK_FULL.resolved_at(NOON - timedelta(seconds=30)), id="resolved"),
    pytest.param(ENTRY | {"status": "resolved"}, DISK_FULL.resolved_at(NOON),
        id="resolved-without-a-time"),
    pytest.param({k: v for k, v in ENTRY.items() if k != "status"} | {"endsAt":
        "2026-03-02T11:59:00Z"}, DISK_FULL.resolved_at(NOON - timedelta(minutes=1)),
        id="over-by-its-end"),
    pytest.param(ENTRY | {"endsAt": "2026-03-02T12:04:00Z"}, DISK_FULL, id="end-lies-ahead"),
])  # fmt: skip
def test_alertmanager_tells_an_alert(entry: dict[str, Any], alert: Alert) -> None:
    assert alertmanager.read(webhook(entry), CALLER) == Arrived(alerts=(alert,))


def test_one_bad_alert_harms_no_other() -> None:
    bad = {"labels": {"alertname": 7}}
    arrived = alertmanager.read(webhook(ENTRY, bad, {"labels": {}}), CALLER)
    assert arrived.alerts == (DISK_FULL,)
    assert arrived.refused == (
        Refused(1, "labels: alertname: expected a text, got int"),
        Refused(2, "labels: an alert needs at least one label that is not empty"),
    )


@pytest.mark.parametrize("door", [alertmanager, grafana])
@pytest.mark.parametrize(("said", "count"), [(7, 7), (0, 0), (-1, 0), ("7", 0), (True, 0)])
def test_what_was_left_out_is_counted(door: Any, said: Any, count: int) -> None:
    arrived = door.read(webhook(ENTRY) | {"truncatedAlerts": said}, CALLER)
    assert (len(arrived.alerts), arrived.left_out) == (1, count)


def test_a_start_in_the_future_is_now() -> None:
    ahead = ENTRY | {"startsAt": "2031-01-01T00:00:00Z"}
    (alert,) = alertmanager.read(webhook(ahead), CALLER).alerts
    assert alert.starts_at == NOON


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"startsAt": "yesterday"}, "startsAt: found 'yesterday'; expected a time such as"),
        ({"startsAt": "2026-03-02T12:00:00"}, "has no time zone"),
        ({"startsAt": "2026-03-02T11:00:00Z", "endsAt": "2026-03-02T10:00:00Z"}, "before startsAt"),
        ({"annotations": ["x"]}, "annotations: expected a mapping of text to text, got list"),
        ({"labels": {"a": "\ud800"}}, "not Unicode"),
    ],
)
def test_a_refusal_says_what_is_wrong(changed: dict[str, Any], why: str) -> None:
    (refused,) = alertmanager.read(webhook(ENTRY | changed), CALLER).refused
    assert why in refused.error


def test_grafana_brings_its_value_and_its_links() -> None:
    told = {
        "values": {"A": 97.5},
        "valueString": "[ var='A' labels={instance=db1} value=97.5 ]",
        "dashboardURL": "https://grafana/d/1",
        "panelURL": "https://grafana/d/1?viewPanel=2",
        "silenceURL": "https://grafana/silence",
    }
    (alert,) = grafana.read({"alerts": [ENTRY | told], "orgId": 1}, CALLER).alerts
    assert alert.value == 97.5
    assert dict(alert.annotations) == {
        "summary": "db1 is full",
        "dashboard": "https://grafana/d/1",
        "panel": "https://grafana/d/1?viewPanel=2",
        "value": "[ var='A' labels={instance=db1} value=97.5 ]",
    }
    assert alert.labels == DISK_FULL.labels


def test_grafana_of_old_is_told_so() -> None:
    with pytest.raises(BadPayload, match="legacy alerting"):
        grafana.read({"ruleName": "x", "state": "alerting", "evalMatches": []}, CALLER)


EVENT = {
    "routing_key": "R" * 32,
    "event_action": "trigger",
    "dedup_key": "srv01/disk",
    "payload": {
        "summary": "DISK at 99% on srv01",
        "source": "srv01.example.com",
        "severity": "error",
        "timestamp": "2026-03-02T11:59:12.000+0000",
        "component": "disk",
        "group": "prod",
        "class": "DiskFull",
        "custom_details": {"free": "1 GB", "mounts": ["/", "/var"]},
    },
    "links": [{"href": "https://example.com/run", "text": "run"}],
    "client": "Monit",
    "client_url": "https://monit.example.com",
}


def test_pagerduty_triggers_by_its_key() -> None:
    arrived = pagerduty.read(EVENT, CALLER)
    alert = Alert(
        labels=Labels.of(
            {
                "alertname": "DiskFull",
                "severity": "critical",
                "source": "srv01.example.com",
                "component": "disk",
                "group": "prod",
                "class": "DiskFull",
                "dedup_key": "srv01/disk",
            }
        ),
        annotations=Labels.of(
            {
                "summary": "DISK at 99% on srv01",
                "free": "1 GB",
                "mounts": '["/", "/var"]',
                "link": "https://example.com/run",
                "dashboard": "https://monit.example.com",
            }
        ),
        starts_at=NOON - timedelta(seconds=48),
        source="old",
    )
    assert arrived.keyed == {"srv01/disk": alert}
    assert arrived.reply["dedup_key"] == "srv01/disk"


def test_pagerduty_names_a_trouble_that_has_no_key() -> None:
    (key,) = pagerduty.read({k: v for k, v in EVENT.items() if k != "dedup_key"}, CALLER).keyed
    assert key == pagerduty.read(EVENT | {"dedup_key": None}, CALLER).reply["dedup_key"] or key
    assert len(key) == 32


def test_pagerduty_ends_and_takes_up_by_the_key_alone() -> None:
    told = {"routing_key": "R" * 32, "dedup_key": "srv01/disk"}
    assert pagerduty.read(told | {"event_action": "resolve"}, CALLER).over == ("srv01/disk",)
    assert pagerduty.read(told | {"event_action": "acknowledge"}, CALLER).taken_up == (
        "srv01/disk",
    )


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"event_action": "snooze"}, "event_action: found 'snooze'; expected one of trigger"),
        ({"event_action": "resolve", "dedup_key": ""}, "dedup_key: needed to resolve"),
        ({"dedup_key": "k" * 256}, "at most 255"),
        ({"payload": None}, "payload: needed to trigger"),
        ({"payload": {"summary": " ", "source": "a", "severity": "info"}}, "payload.summary"),
        ({"payload": {"summary": "a", "source": "a", "severity": "bad"}}, "critical, error"),
    ],
)
def test_pagerduty_refuses_in_its_own_words(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(BadPayload, match=why):
        pagerduty.read(EVENT | changed, CALLER)
    assert pagerduty.fault(400, why)["status"] == "invalid event"


def test_the_routing_key_is_the_token_of_the_source() -> None:
    tokens = {"monit": "R" * 32, "other": "S" * 32}
    assert pagerduty.prove({}, b'{"routing_key": "' + b"R" * 32 + b'"}', tokens) == "monit"
    assert pagerduty.prove({}, b'{"routing_key": "RRR"}', tokens) == ""


def test_a_resolved_alert_without_news_is_resolved() -> None:
    assert DISK_FULL.resolved_at(NOON).status is AlertStatus.RESOLVED
