"""PagerDuty's Events API v2: `POST /v2/enqueue`, for programs that can page PagerDuty and no other.

Source: https://developer.pagerduty.com/docs/events-api-v2/trigger-events/.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from bot.doors.alert_json import read_time, readable
from bot.doors.door import Arrived, Caller, Door
from bot.doors.prove import owner_of
from bot.ingest.format import BadPayload
from storage.model.alert import Alert
from storage.model.labels import Labels

ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = {
    "critical": "critical",
    "error": "critical",
    "warning": "warning",
    "info": "informational",
}
LONGEST_KEY = 255
LABELS = ("source", "component", "group", "class")
"""Keys of the payload that become labels, so that routes and silences can name them."""
MOST_DETAILS, LONGEST_DETAIL = 20, 500


def read(body: Any, caller: Caller) -> Arrived:
    """Read one event. What is the same trouble is decided by `dedup_key` alone, as there."""
    if not isinstance(body, dict):
        raise BadPayload("expected an event: an object with routing_key and event_action")
    action = body.get("event_action")
    if action not in ACTIONS:
        known = ", ".join(ACTIONS)
        raise BadPayload(f"event_action: found {action!r:.80}; expected one of {known}")
    key = _dedup_key(body, action)
    reply = {"status": "success", "message": "Event processed", "dedup_key": key}
    match action:
        case "trigger":
            return Arrived(keyed={key: _triggered(body, key, caller)}, reply=reply)
        case "acknowledge":
            return Arrived(taken_up=(key,), reply=reply)
        case _:
            return Arrived(over=(key,), reply=reply)


def _dedup_key(body: Mapping[str, Any], action: str) -> str:
    """Return the trouble's name; of a new one without it a name made from all of the event."""
    key = body.get("dedup_key") or ""
    if not isinstance(key, str) or len(key) > LONGEST_KEY:
        raise BadPayload(f"dedup_key: expected a text of at most {LONGEST_KEY} characters")
    if key:
        return readable(key, "dedup_key")
    if action != "trigger":
        raise BadPayload(f"dedup_key: needed to {action}")
    told = json.dumps(body, sort_keys=True, default=str).encode(errors="surrogatepass")
    return blake2b(told, digest_size=16).hexdigest()


def _triggered(body: Mapping[str, Any], key: str, caller: Caller) -> Alert:
    payload = body.get("payload")
    if not isinstance(payload, dict):
        raise BadPayload("payload: needed to trigger: summary, source, severity")
    summary, severity = _text(payload, "summary", needed=True), payload.get("severity")
    _text(payload, "source", needed=True)
    if not isinstance(severity, str) or severity not in SEVERITIES:
        known = ", ".join(SEVERITIES)
        raise BadPayload(f"payload.severity: found {severity!r:.80}; expected one of {known}")
    labels = {
        "alertname": _text(payload, "class") or summary[:120],
        "severity": SEVERITIES[severity],
        **{name: _text(payload, name) for name in LABELS},
        "dedup_key": key,
    }
    told = {"summary": summary, **_details(payload), **_links(body)}
    at = read_time(payload, "timestamp") or caller.now
    return Alert(
        labels=Labels.of(labels),
        annotations=Labels.of(told),
        starts_at=min(at, caller.now),
        source=caller.source,
    )


def _text(payload: Mapping[str, Any], key: str, *, needed: bool = False) -> str:
    found = payload.get(key) or ""
    if not isinstance(found, str) or (needed and not found.strip()):
        raise BadPayload(f"payload.{key}: expected a text, got {found!r:.80}")
    return readable(found, f"payload.{key}")


def _details(payload: Mapping[str, Any]) -> dict[str, str]:
    """Return `custom_details` as annotations; what is nested is written as JSON."""
    found = payload.get("custom_details")
    if found is None:
        return {}
    pairs = found.items() if isinstance(found, dict) else [("details", found)]
    return {
        readable(str(name)[:80], "payload.custom_details"): _written(value)
        for name, value in list(pairs)[:MOST_DETAILS]
        if name not in ("", "summary")
    }


def _written(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return readable(text[:LONGEST_DETAIL], "payload.custom_details")


def _links(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the first link and the client's own page."""
    links, told = body.get("links"), {}
    if isinstance(links, list) and links and isinstance(links[0], dict):
        told["link"] = links[0].get("href")
    told["dashboard"] = body.get("client_url")
    return {k: readable(v, "links") for k, v in told.items() if isinstance(v, str)}


def prove(headers: Mapping[str, str], body: bytes, tokens: Mapping[str, str]) -> str:
    """Return the source whose token the event's `routing_key` is."""
    del headers
    try:
        key = json.loads(body)["routing_key"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return ""
    return owner_of(key, tokens) if isinstance(key, str) else ""


def fault(status: int, why: str) -> dict[str, Any]:
    """Word a refusal as PagerDuty does."""
    if status == 400:
        return {
            "status": "invalid event",
            "message": "Event object is invalid",
            "errors": [why],
        }
    return {"status": "error", "message": why, "errors": [why]}


DOOR = Door(name="pagerduty", path="/v2/enqueue", read=read, prove=prove, status=202, fault=fault)
