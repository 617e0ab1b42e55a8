"""Changes as anybody can tell them: `POST /changes`, from a deploy script or a pipeline."""

from collections.abc import Mapping
from typing import Any

from bot.doors.alert_json import read_time, readable
from bot.doors.door import Arrived, Caller, Door, Refused
from bot.ingest.format import BadPayload
from routing.delivery.words import web_link
from storage.model.change import Change

TEXTS = ("service", "version", "environment", "outcome", "summary", "by", "link", "key")
KEYS = frozenset((*TEXTS, "at"))
LONGEST = 300


def read(body: Any, caller: Caller) -> Arrived:
    """Read `{"service": "checkout", "version": "4.2", "at": ..., ...}`, or a list of these.

    Only `service` is needed; `at` is now, unless it is told by RFC 3339.
    """
    entries = body if isinstance(body, list) else [body]
    changes, refused = list[Change](), list[Refused]()
    for index, entry in enumerate(entries):
        try:
            changes.append(_change(entry, caller))
        except BadPayload as error:
            refused.append(Refused.among(refused, index, error))
    return Arrived(changes=tuple(changes), refused=tuple(refused))


def _change(entry: Any, caller: Caller) -> Change:
    if not isinstance(entry, dict):
        raise BadPayload(f"expected an object with a service, got {type(entry).__name__}")
    if odd := sorted(set(entry) - KEYS):
        raise BadPayload(f"unknown key {odd[0][:80]!r}; known: {', '.join(sorted(KEYS))}")
    said = {key: text_of(entry, key) for key in TEXTS}
    if not said["service"]:
        raise BadPayload("service: needed, as the `service` label of alerts names it")
    return change_of(caller, at=read_time(entry, "at") or caller.now, **said)


def change_of(caller: Caller, *, link: str = "", key: str = "", **told: Any) -> Change:
    """Build a change; a link that leads elsewhere than to the web is left out.

    Without a key, the same change of the same moment is the same.
    """
    told["at"] = min(told["at"], caller.now)
    name = "/".join((told["service"], told.get("version", ""), told["at"].isoformat()))
    return Change(source=caller.source, key=key or name, link=web_link(link), **told)


def text_of(entry: Mapping[str, Any], key: str) -> str:
    """Return a text in one line; empty where there is none. Raises BadPayload."""
    found = entry.get(key)
    if found is None:
        return ""
    if not isinstance(found, str | int | float) or isinstance(found, bool):
        raise BadPayload(f"{key}: expected a text, got {type(found).__name__}")
    return " ".join(readable(str(found), key).split())[:LONGEST]


DOOR = Door(name="changes", path="/changes", read=read)
