"""A message as the text that its outbox row carries, and back."""

import json
from dataclasses import fields
from datetime import datetime
from typing import Any

from routing.delivery.channel import Action, Line, Message
from storage.model.alert import Severity
from storage.model.delivery import Purpose
from storage.model.incident import Status


def write(message: Message) -> str:
    """Return the message as JSON; `read` gives back an equal one."""
    return json.dumps(_plain(message), ensure_ascii=False, separators=(",", ":"))


def _plain(thing: Any) -> Any:
    if isinstance(thing, Message | Line | Action):
        names = (f.name for f in fields(thing) if f.name != "doubted_since")
        return {name: _plain(getattr(thing, name)) for name in names}
    if isinstance(thing, tuple):
        return [_plain(part) for part in thing]
    return thing.isoformat() if isinstance(thing, datetime) else thing


def read(body: str) -> Message:
    """Return the message that `write` wrote.

    A field that this version does not know is passed over: rows outlive an upgrade.
    """
    raw = json.loads(body)
    return Message(
        purpose=Purpose(raw["purpose"]),
        title=raw["title"],
        incident=raw.get("incident"),
        version=raw.get("version", 0),
        status=Status(raw["status"]) if raw.get("status") else None,
        severity=Severity(raw["severity"]),
        summary=raw.get("summary", ""),
        facts=tuple((name, value) for name, value in raw.get("facts", ())),
        actions=tuple(
            Action(verb=it["verb"], label=it["label"], danger=it["danger"])
            for it in raw.get("actions", ())
        ),
        lines=tuple(
            Line(id=it["id"], at=datetime.fromisoformat(it["at"]), text=it["text"])
            for it in raw.get("lines", ())
        ),
        asked=tuple(raw.get("asked", ())),
        asked_keys=tuple(raw.get("asked_keys", ())),
        link=raw.get("link", ""),
        round=raw.get("round", 0),
        thread=raw.get("thread", ""),
        stages=tuple(raw.get("stages", ())),
    )
