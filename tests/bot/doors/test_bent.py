"""Sound payloads in which one part is something else: read or refused in words, by every door."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bot.doors.door import Caller
from bot.ingest.format import BadPayload
from tests.bot.doors.test_contract import DOORS, MAPPED, NOON

AT = "2026-03-02T11:00:00Z"
ALERTS = {
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "A", "severity": "critical"},
            "annotations": {"summary": "s"},
            "startsAt": AT,
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://g/",
            "panelURL": "http://g/p",
            "values": {"A": 1.0},
            "valueString": "[ var=A ]",
        }
    ]
}
SOUND: dict[str, Any] = {
    "alertmanager": ALERTS,
    "grafana": ALERTS,
    "pagerduty": {
        "event_action": "trigger",
        "dedup_key": "k",
        "payload": {
            "summary": "s",
            "source": "a",
            "severity": "critical",
            "timestamp": AT,
            "class": "c",
            "custom_details": {"a": 1},
        },
        "links": [{"href": "https://x"}],
        "client_url": "https://c",
    },
    "generic": {"labels": {"alertname": "A"}, "severity": "critical", "dedup_key": "k"},
    "github": {
        "deployment_status": {"state": "success", "created_at": AT, "log_url": "https://x"},
        "deployment": {"id": 1, "ref": "main", "creator": {"login": "l"}},
        "repository": {"name": "checkout"},
    },
    "gitlab": {
        "object_kind": "deployment",
        "status": "success",
        "status_changed_at": "2026-03-02 11:00:00 +0200",
        "deployment_id": 1,
        "project": {"path_with_namespace": "a/b"},
        "user": {"username": "u"},
    },
    "argocd": {
        "app": {
            "metadata": {"name": "n"},
            "status": {
                "operationState": {"phase": "Succeeded", "finishedAt": AT},
                "sync": {"revision": "r"},
                "summary": {"images": ["a/b:1"]},
            },
        }
    },
    "changes": {"service": "checkout", "version": "4.2", "at": AT, "key": "k"},
}
BENT: tuple[Any, ...] = (
    *(None, True, 0, -1.5, 10**30, "", "\0", "\ud800", "9999-12-31T23:59:59Z"),
    *([], {}, [1], {"a": [{"b": 1}]}, "0001-01-01T00:00:00+23:59", "x" * 5_000),
)


def parts(whole: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each part of a payload."""
    yield way
    keys = whole if isinstance(whole, dict) else range(len(whole) if isinstance(whole, list) else 0)
    for key in keys:
        yield from parts(whole[key], (*way, key))


def bent(whole: Any, way: tuple[Any, ...], to: Any) -> Any:
    """Return the payload with one part in place of what stood there."""
    if not way:
        return to
    whole = copy.deepcopy(whole)
    here = whole
    for key in way[:-1]:
        here = here[key]
    here[way[-1]] = to
    return whole


@pytest.mark.parametrize("name", DOORS)
def test_one_part_is_something_else(name: str) -> None:
    headers = {"x-github-event": "deployment_status"}
    caller = Caller(source="one", now=NOON, headers=headers, mapping=MAPPED)
    for way in parts(SOUND[name]):
        for to in BENT:
            try:
                arrived = DOORS[name].read(bent(SOUND[name], way, to), caller)
            except BadPayload:
                continue
            json.dumps(dict(arrived.reply), ensure_ascii=False).encode()
            for key in (*arrived.keyed, *arrived.over, *arrived.taken_up):
                assert key.encode(), (way, to)
            for alert in (*arrived.alerts, *arrived.keyed.values()):
                assert str(alert.labels).encode(), (way, to)
                assert (str(alert.annotations) + alert.generator_url).encode(), (way, to)
