"""Any JSON becomes alerts by the mapping of its source."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bot.config.mapping import MappingSection
from bot.doors import generic
from bot.doors.door import Arrived, Caller
from bot.ingest.format import BadPayload
from storage.model.alert import Alert
from storage.model.labels import Labels

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MAPPING: dict[str, Any] = {
    "alerts": "events[]",
    "key": "id",
    "status": {"value": "state", "firing": ["DOWN"], "resolved": ["up", "ok"]},
    "labels": {
        "alertname": "check.name",
        "severity": "prio",
        "service": "host.service",
        "team": "'web'",
    },
    "annotations": {"summary": "text", "loss": "loss"},
    "severities": {"P1": "critical", "p3": "informational"},
    "starts_at": "since",
}
EVENT: dict[str, Any] = {
    "id": 17,
    "state": "down",
    "check": {"name": "Ping"},
    "prio": "P1",
    "host": {"service": "checkout"},
    "text": "{{ 7 * 7 }} packets lost",
    "loss": 0.25,
    "since": 1772452740,
}
PING = Alert(
    labels=Labels.of(
        alertname="Ping", severity="critical", service="checkout", team="web", dedup_key="17"
    ),
    annotations=Labels.of(summary="{{ 7 * 7 }} packets lost", loss="0.25"),
    starts_at=NOON - timedelta(minutes=1),
    source="pinger",
)


def arrived(body: Any, **changed: Any) -> Arrived:
    """Read a body by MAPPING with some keys changed."""
    mapping = MappingSection.model_validate(MAPPING | changed).compiled()
    return generic.read(body, Caller(source="pinger", now=NOON, mapping=mapping))


def test_a_trouble_is_read_by_its_key() -> None:
    assert arrived({"events": [EVENT]}) == Arrived(keyed={"17": PING})


def test_the_last_word_about_one_trouble_counts() -> None:
    up = EVENT | {"state": "OK"}
    assert arrived({"events": [EVENT, up]}).over == ("17",)
    assert arrived({"events": [up, EVENT]}).keyed == {"17": PING}


def test_without_a_key_equal_labels_are_the_same() -> None:
    got = arrived({"events": [EVENT | {"state": "up"}]}, key=None)
    labels = PING.labels.without("dedup_key")
    assert [(alert.labels, alert.is_firing) for alert in got.alerts] == [(labels, False)]


def test_the_body_itself_can_be_the_alert() -> None:
    assert arrived(EVENT, alerts=None).keyed == {"17": PING}


@pytest.mark.parametrize(
    ("since", "at"),
    [
        (1772452740123, datetime(2026, 3, 2, 11, 59, 0, 123000, tzinfo=UTC)),
        ("2026-03-02T11:59:00Z", NOON - timedelta(minutes=1)),
        (None, NOON),
        (1772462740, NOON),
    ],
)
def test_times_come_in_many_forms(since: Any, at: datetime) -> None:
    assert arrived({"events": [EVENT | {"since": since}]}).keyed["17"].starts_at == at


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"id": None}, "key: nothing is found"),
        ({"state": "sideways"}, "status: found 'sideways'; the mapping knows down, ok, up"),
        ({"check": None}, "labels.alertname: nothing is found"),
        ({"since": 1e300}, "starts_at"),
        ({"text": "\udc80"}, "not Unicode"),
    ],
)
def test_a_bad_one_is_refused_by_its_place(changed: dict[str, Any], why: str) -> None:
    got = arrived({"events": [EVENT | {"id": 1}, EVENT | changed]})
    assert list(got.keyed) == ["1"]
    (refused,) = got.refused
    assert (refused.index, why in refused.error) == (1, True), refused


def test_a_body_of_another_shape_is_refused() -> None:
    with pytest.raises(BadPayload, match="the mapping finds NoneType here"):
        arrived({"alerts": []})


def test_a_source_without_mapping_is_told_so() -> None:
    with pytest.raises(BadPayload, match="'pinger' has no `mapping`"):
        generic.read({}, Caller(source="pinger", now=NOON))


def test_an_expression_that_cannot_be_read_is_refused_when_it_is_written() -> None:
    with pytest.raises(ValidationError, match="no JMESPath"):
        MappingSection.model_validate({"labels": {"alertname": "check.[name"}})
