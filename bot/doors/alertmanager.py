"""Alertmanager's webhook: `POST /webhooks/alertmanager`, for those who keep their Alertmanager."""

from typing import Any

from bot.doors.alert_json import read_alert, read_each, read_left_out
from bot.doors.door import Arrived, Caller, Door
from bot.ingest.format import BadPayload


def read(body: Any, caller: Caller) -> Arrived:
    """Read a webhook's payload, version 4; its grouping is not ours, so only its alerts count.

    Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config.
    """
    if not isinstance(body, dict) or not isinstance(body.get("alerts"), list):
        raise BadPayload("expected Alertmanager's webhook: an object with a list of `alerts`")
    alerts, refused = read_each(
        body["alerts"], lambda entry: read_alert(entry, caller.source, caller.now)
    )
    return Arrived(alerts=alerts, refused=refused, left_out=read_left_out(body))


DOOR = Door(name="alertmanager", path="/webhooks/alertmanager", read=read)
