"""What every door promises, whatever comes in."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bot.doors
from bot.config.mapping import MappingSection
from bot.doors.door import Caller, Door
from bot.ingest.format import BadPayload
from routing.plugins import collect

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DOORS = collect(bot.doors, Door)
TOKENS = {"one": "first-secret-0123456789", "two": "other-secret-0123456789"}
WORDS = st.sampled_from(
    (
        *("alerts", "labels", "alertname", "severity", "status", "firing", "resolved", "startsAt"),
        *("annotations", "payload", "summary", "source", "event_action", "trigger", "dedup_key"),
        *("routing_key", "app", "operationState", "phase", "Succeeded", "object_kind", "at"),
        *("deployment", "service", "version", "deployment_status", "state", "success", "endsAt"),
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=9), inner),
    max_leaves=25,
)
MAPPED = MappingSection(
    labels={"alertname": "labels.alertname", "severity": "severity"}, key="dedup_key"
).compiled()


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@given(body=JSON, event=st.sampled_from(["", "deployment_status", "release", "ping"]))
def test_any_json_is_read_or_refused_in_words(door: Door, body: Any, event: str) -> None:
    caller = Caller(source="one", now=NOON, headers={"x-github-event": event}, mapping=MAPPED)
    try:
        arrived = door.read(body, caller)
    except BadPayload:
        return
    for alert in (*arrived.alerts, *arrived.keyed.values()):
        assert alert.source == "one"
        assert alert.labels
        assert alert.starts_at <= NOON
        assert alert.starts_at.tzinfo is UTC
    for change in arrived.changes:
        assert (change.source, change.at.tzinfo) == ("one", UTC)
        assert change.service
        assert change.key
    json.dumps(dict(arrived.reply)).encode()


@pytest.mark.parametrize(
    "door", [door for door in DOORS.values() if door.prove], ids=lambda door: door.name
)
@given(headers=st.dictionaries(st.text(max_size=9), st.text(max_size=9)), body=st.binary())
def test_what_proves_nothing_is_nobodys(door: Door, headers: dict[str, str], body: bytes) -> None:
    assert door.prove is not None
    assert door.prove(headers, body, TOKENS) == ""
    assert door.prove(headers, body, {}) == ""
