"""Grafana's webhook contact point: `POST /webhooks/grafana`."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.doors.alert_json import read_alert, read_each, read_left_out, readable
from bot.doors.door import Arrived, Caller, Door
from bot.ingest.format import BadPayload
from storage.model.alert import Alert

LINKS = {"panelURL": "panel", "dashboardURL": "dashboard"}
"""Grafana's key -> the annotation that carries it."""


def read(body: Any, caller: Caller) -> Arrived:
    """Read a payload of Grafana's unified alerting, from version 9 on.

    Source: https://grafana.com/docs/grafana/latest/alerting/configure-notifications/
    manage-contact-points/integrations/webhook-notifier/.
    """
    if not isinstance(body, dict) or not isinstance(body.get("alerts"), list):
        raise BadPayload(
            "expected Grafana's webhook: an object with a list of `alerts`; "
            "the legacy alerting of Grafana 10 and older is not read"
        )
    alerts, refused = read_each(body["alerts"], lambda entry: _alert(entry, caller))
    return Arrived(alerts=alerts, refused=refused, left_out=read_left_out(body))


def _alert(entry: Any, caller: Caller) -> Alert:
    alert = read_alert(entry, caller.source, caller.now)
    told = {name: _text(entry, key) for key, name in LINKS.items() if key in entry}
    if not alert.annotations.get("value") and "valueString" in entry:
        told["value"] = _text(entry, "valueString")
    annotations = alert.annotations.with_({k: v for k, v in told.items() if v})
    return replace(alert, annotations=annotations, value=_value(entry))


def _text(entry: Mapping[str, Any], key: str) -> str:
    found = entry[key]
    return readable(found, key) if isinstance(found, str) else ""


def _value(entry: Mapping[str, Any]) -> float | None:
    """Return the one value that was judged; None where there are several, or none."""
    values = entry.get("values")
    if not isinstance(values, dict) or len(values) != 1:
        return None
    (value,) = values.values()
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


DOOR = Door(name="grafana", path="/webhooks/grafana", read=read)
