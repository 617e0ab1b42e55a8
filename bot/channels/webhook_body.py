"""An incident as Alertmanager's webhook tells one (version 4), so that its receivers read ours.

`incident` is our own addition: what Alertmanager does not know, an answer for instance.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from routing.delivery.channel import Bundle, Message
from routing.delivery.report import Finished
from storage.model.alert import Alert
from storage.model.incident import Status
from storage.model.labels import Labels

Json = dict[str, Any]
NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time: the alert has not ended."""


def body_of(message: Message, receiver: str) -> bytes:
    """Return the request's body; the same message gives the same bytes."""
    bundle = message.bundle or Bundle(group=message.thread, by=Labels(), alerts=())
    told: Json = {
        "version": "4",
        "groupKey": bundle.group,
        "truncatedAlerts": bundle.left_out,
        "status": _status(message, bundle.alerts),
        "receiver": receiver,
        "groupLabels": dict(bundle.by),
        "commonLabels": _common([alert.labels for alert in bundle.alerts]),
        "commonAnnotations": _common([alert.annotations for alert in bundle.alerts]),
        "externalURL": bundle.home,
        "alerts": [_alert(alert, message.link) for alert in bundle.alerts],
        "incident": _incident(message),
    }
    return _written(told)


def _status(message: Message, alerts: Sequence[Alert]) -> str:
    if alerts:
        return "firing" if any(alert.is_firing for alert in alerts) else "resolved"
    return "firing" if message.status and message.status.is_open else "resolved"


def _common(all_pairs: Sequence[Labels]) -> dict[str, str]:
    """Return what all of them say alike."""
    if not all_pairs:
        return {}
    alike = set(all_pairs[0]).intersection(*all_pairs[1:])
    return dict(sorted(alike))


def _alert(alert: Alert, link: str) -> Json:
    return {
        "status": str(alert.status),
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": _moment(alert.starts_at),
        "endsAt": _moment(alert.ends_at) if alert.ends_at else NEVER,
        "generatorURL": link,
        "fingerprint": alert.fingerprint,
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _incident(message: Message) -> Json:
    return {
        "number": message.incident,
        "status": str(message.status or Status.RESOLVED),
        "severity": str(message.severity),
        "title": message.title,
        "summary": message.summary,
        "state": dict(message.facts).get("State", ""),
        "url": message.link,
    }


def report_body(report: Finished, receiver: str) -> bytes:
    """Return the request's body for a report; it has no alerts, which tells it from the others."""
    told: Json = {
        "report": {
            "title": report.title,
            "headline": report.headline,
            "notes": report.notes,
            "tables": [{"title": it.title, "rows": it.rows} for it in report.tables],
            "at": _moment(report.at),
        },
        "receiver": receiver,
    }
    return _written(told)


def _written(told: Json) -> bytes:
    """Write JSON. Half a character is no text: many receivers would refuse all of it."""
    return json.dumps(told, ensure_ascii=False).encode(errors="replace")
