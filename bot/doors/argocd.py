"""Argo CD's notifications: `POST /webhooks/argocd`, with the template that docs/doors.md gives."""

from typing import Any

from bot.doors.alert_json import read_time
from bot.doors.changes import change_of, text_of
from bot.doors.door import Arrived, Caller, Door
from bot.doors.github import SHORT, part
from bot.ingest.format import BadPayload

ENDED = {"Succeeded": "succeeded", "Failed": "failed", "Error": "failed"}


def read(body: Any, caller: Caller) -> Arrived:
    """Read `{"app": <the Application>, "url": ...}`; a sync that ended is a change.

    Source: https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/services/webhook/.
    """
    if not isinstance(body, dict) or not isinstance(body.get("app"), dict):
        raise BadPayload('expected {"app": ..., "url": ...}; docs/doors.md has the template')
    status, metadata = part(body["app"], "status"), part(body["app"], "metadata")
    operation = part(status, "operationState")
    phase = text_of(operation, "phase")
    if phase not in ENDED:
        return Arrived(ignored=f"sync {phase or 'unknown'}: it has not ended")
    service, revision = text_of(metadata, "name"), text_of(part(status, "sync"), "revision")
    if not service:
        raise BadPayload("app.metadata.name: needed to know what was changed")
    at = read_time(operation, "finishedAt") or caller.now
    change = change_of(
        caller,
        key=f"sync/{service}/{revision}/{at.isoformat()}",
        service=service,
        version=_image_tag(status) or revision[:SHORT],
        environment=text_of(part(part(body["app"], "spec"), "destination"), "namespace"),
        outcome=ENDED[phase],
        summary=text_of(operation, "message"),
        link=text_of(body, "url"),
        at=at,
    )
    return Arrived(changes=(change,))


def _image_tag(status: Any) -> str:
    """Return the tag of the only image, as people name the version; empty where there are more."""
    images = part(status, "summary").get("images")
    if not isinstance(images, list) or len(images) != 1 or not isinstance(images[0], str):
        return ""
    name, _, tag = images[0].rpartition("/")[2].partition(":")
    return tag if name and "@" not in tag else ""


DOOR = Door(name="argocd", path="/webhooks/argocd", read=read)
