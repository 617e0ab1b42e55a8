"""A message as the text that its outbox row carries, and back."""

import json
from dataclasses import fields
from datetime import datetime
from typing import Any

from routing.delivery.channel import Action, Bundle, Line, Message
from storage.model.alert import Alert, AlertStatus, Severity
from storage.model.delivery import Purpose
from storage.model.incident import Status
from storage.model.labels import Labels

UNWRITTEN = {"doubted_since", "trace", "origin", "trail"}


def write(message: Message) -> str:
    """Return the message as JSON; `read` gives back an equal one."""
    return json.dumps(_plain(message), ensure_ascii=False, separators=(",", ":"))


def _plain(thing: Any) -> Any:
    if isinstance(thing, Message | Line | Action | Bundle | Alert):
        names = (f.name for f in fields(thing) if f.name not in UNWRITTEN)
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
        report=raw.get("report", ""),
        bundle=_bundle(raw["bundle"]) if raw.get("bundle") else None,
    )


def _bundle(raw: dict[str, Any]) -> Bundle:
    return Bundle(
        group=raw["group"],
        by=_labels(raw["by"]),
        alerts=tuple(map(_alert, raw["alerts"])),
        left_out=raw["left_out"],
        home=raw["home"],
    )


def _alert(raw: dict[str, Any]) -> Alert:
    silent = raw["no_data_since"]
    return Alert(
        labels=_labels(raw["labels"]),
        annotations=_labels(raw["annotations"]),
        status=AlertStatus(raw["status"]),
        starts_at=datetime.fromisoformat(raw["starts_at"]),
        ends_at=datetime.fromisoformat(raw["ends_at"]) if raw["ends_at"] else None,
        value=raw["value"],
        source=raw["source"],
        no_data_since=datetime.fromisoformat(silent) if silent else None,
    )


def _labels(pairs: list[list[str]]) -> Labels:
    return Labels((name, value) for name, value in pairs)
