"""GitHub's webhook: `POST /webhooks/github`; its deployments are changes.

Source: https://docs.github.com/webhooks/webhook-events-and-payloads#deployment_status.
"""

from collections.abc import Mapping
from typing import Any

from bot.doors.alert_json import read_time
from bot.doors.changes import change_of, text_of
from bot.doors.door import Arrived, Caller, Door
from bot.doors.prove import signer_of
from bot.ingest.format import BadPayload
from storage.model.change import Change

ENDED = {"success": "succeeded", "failure": "failed", "error": "failed"}
SHORT = 12
"""Characters of a commit's name that are told."""


def read(body: Any, caller: Caller) -> Arrived:
    """Read an event; a deployment that ended and a published release are changes."""
    if not isinstance(body, dict):
        raise BadPayload("expected GitHub's webhook: an object (content type application/json)")
    match caller.headers.get("x-github-event", ""):
        case "deployment_status":
            return _deployed(body, caller)
        case "release" if body.get("action") == "published":
            return Arrived(changes=(_released(body, caller),))
        case "":
            raise BadPayload("the header X-GitHub-Event is missing: this is not from GitHub")
        case event:
            return Arrived(ignored=f"{event}: only deployment_status and published releases count")


def _deployed(body: Mapping[str, Any], caller: Caller) -> Arrived:
    status, deployment = part(body, "deployment_status"), part(body, "deployment")
    state = text_of(status, "state")
    if state not in ENDED:
        return Arrived(ignored=f"deployment_status {state}: it has not ended")
    change = change_of(
        caller,
        key=f"deployment/{text_of(deployment, 'id')}",
        service=_service(body),
        version=_version(deployment),
        environment=text_of(deployment, "environment"),
        outcome=ENDED[state],
        summary=text_of(deployment, "description") or text_of(status, "description"),
        by=text_of(part(deployment, "creator"), "login"),
        link=text_of(status, "log_url") or text_of(status, "target_url"),
        at=read_time(status, "created_at") or caller.now,
    )
    return Arrived(changes=(change,))


def _released(body: Mapping[str, Any], caller: Caller) -> Change:
    release = part(body, "release")
    return change_of(
        caller,
        key=f"release/{text_of(release, 'id')}",
        service=_service(body),
        version=text_of(release, "tag_name"),
        summary=text_of(release, "name"),
        by=text_of(part(release, "author"), "login"),
        link=text_of(release, "html_url"),
        at=read_time(release, "published_at") or caller.now,
    )


def _version(deployment: Mapping[str, Any]) -> str:
    """Return the tag or branch that was deployed, or the commit where that is all there is."""
    ref, commit = text_of(deployment, "ref"), text_of(deployment, "sha")
    return commit[:SHORT] if ref in ("", commit) else ref


def _service(body: Mapping[str, Any]) -> str:
    """Return the repository's name; the catalogue says which service it is where they differ."""
    name = text_of(part(body, "repository"), "name")
    if not name:
        raise BadPayload("repository.name: needed to know what was changed")
    return name


def part(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return an object inside the body; an empty one where it is missing."""
    found = body.get(key)
    return found if isinstance(found, dict) else {}


def prove(headers: Mapping[str, str], body: bytes, tokens: Mapping[str, str]) -> str:
    """Return the source whose token is the webhook's secret."""
    scheme, _, signature = headers.get("x-hub-signature-256", "").partition("=")
    return signer_of(signature, body, tokens) if scheme == "sha256" else ""


DOOR = Door(name="github", path="/webhooks/github", read=read, prove=prove)
