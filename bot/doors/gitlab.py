"""GitLab's webhook: `POST /webhooks/gitlab`; its deployments and releases are changes.

Source: https://docs.gitlab.com/user/project/integrations/webhook_events/#deployment-events.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.doors.alert_json import read_time
from bot.doors.changes import change_of, text_of
from bot.doors.door import Arrived, Caller, Door
from bot.doors.github import part
from bot.doors.prove import owner_of
from bot.ingest.format import BadPayload

ENDED = {"success": "succeeded", "failed": "failed"}


def read(body: Any, caller: Caller) -> Arrived:
    """Read an event; a deployment that ended and a new release are changes."""
    if not isinstance(body, dict):
        raise BadPayload("expected GitLab's webhook: an object with an object_kind")
    match text_of(body, "object_kind"):
        case "deployment":
            return _deployed(body, caller)
        case "release" if body.get("action") == "create":
            return _released(body, caller)
        case "":
            raise BadPayload("object_kind is missing: this is not from GitLab")
        case kind:
            return Arrived(ignored=f"{kind}: only deployments and new releases count")


def _deployed(body: Mapping[str, Any], caller: Caller) -> Arrived:
    status = text_of(body, "status")
    if status not in ENDED:
        return Arrived(ignored=f"deployment {status}: it has not ended")
    change = change_of(
        caller,
        key=f"deployment/{text_of(body, 'deployment_id')}",
        service=_service(body),
        version=text_of(body, "ref") or text_of(body, "short_sha"),
        environment=text_of(body, "environment"),
        outcome=ENDED[status],
        summary=text_of(body, "commit_title"),
        by=text_of(part(body, "user"), "username"),
        link=text_of(body, "deployable_url") or text_of(body, "commit_url"),
        at=_moment(body, "status_changed_at", caller),
    )
    return Arrived(changes=(change,))


def _released(body: Mapping[str, Any], caller: Caller) -> Arrived:
    change = change_of(
        caller,
        key=f"release/{text_of(body, 'id')}",
        service=_service(body),
        version=text_of(body, "tag"),
        summary=text_of(body, "name"),
        link=text_of(body, "url"),
        at=_moment(body, "released_at", caller),
    )
    return Arrived(changes=(change,))


def _moment(body: Mapping[str, Any], key: str, caller: Caller) -> datetime:
    """Read a time as GitLab writes it, `2021-04-28 21:50:00 +0200` or `... UTC`."""
    said = text_of(body, key).replace(" UTC", "Z").replace(" +", "+").replace(" -", "-")
    return read_time({key: said}, key) or caller.now


def _service(body: Mapping[str, Any]) -> str:
    """Return the project's name in its address; the catalogue says which service it is."""
    project = part(body, "project")
    name = text_of(project, "path_with_namespace").rpartition("/")[2] or text_of(project, "name")
    if not name:
        raise BadPayload("project.path_with_namespace: needed to know what was changed")
    return name


def prove(headers: Mapping[str, str], body: bytes, tokens: Mapping[str, str]) -> str:
    """Return the source whose token is the webhook's secret token."""
    del body
    return owner_of(headers.get("x-gitlab-token", ""), tokens)


DOOR = Door(name="gitlab", path="/webhooks/gitlab", read=read, prove=prove)
