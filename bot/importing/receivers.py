"""Alertmanager's receivers in our way of writing them: policies, and who of them tells nobody."""

import re
from collections.abc import Callable
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from email.utils import getaddresses
from typing import Any

from bot.importing.nodes import items, mapping, text
from storage.documents import Mapping, Node, Scalar

PRIMARY = "primary"
"""The on-call list that imported policies ask."""
Note = Callable[[Node, str], None]
NOBODY = ("null", "none", "void", "blackhole", "devnull")
_CHANNEL = re.compile(r"[CG][A-Z0-9]{6,}")
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST = 60
ADDRESS = {
    "email_configs": ("to", "from", "smarthost", "hello", "require_tls", "tls_config"),
    "slack_configs": ("channel", "api_url", "api_url_file", "http_config"),
    "webhook_configs": ("url", "url_file", "http_config"),
    "msteams_configs": ("webhook_url", "webhook_url_file", "http_config"),
    "msteamsv2_configs": ("webhook_url", "webhook_url_file", "http_config"),
}
"""What says where a message goes and how it gets there, for those whose rooms we have as well."""
SECRET = ("auth_username", "auth_password", "auth_password_file", "auth_secret", "auth_identity")


@dataclass(slots=True)
class Receivers:
    """What was read.

    policies: by our names.  names: theirs -> ours.
    silent:   our names of those that send nothing anywhere, such as `null`.
    """

    policies: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)


def receivers_of(node: Node | None, note: Note) -> Receivers:
    """Turn receivers into policies that ask who is on call; raises ConfigError."""
    done, empty = Receivers(), dict[str, Mapping]()
    for item in items(node):
        receiver = mapping(item, item)
        theirs = text(receiver.get("name"), receiver)
        name = done.names[theirs] = _fit(theirs, done.policies)
        if name != theirs:
            note(receiver, f"called {name!r}: a name is made of letters, digits and . _ -")
        parts = [
            (key.text, it) for key, value in receiver if key.text != "name" for it in items(value)
        ]
        rooms = list[dict[str, str]]()
        for kind, section in parts:
            rooms += [it for it in _rooms(kind, section, name, rooms, note) if it not in rooms]
        policy: dict[str, Any] = {"rooms": rooms} if rooms else {}
        done.policies[name] = {**policy, "steps": [{"notify": [{"oncall": PRIMARY}]}]}
        if not parts:
            empty[name] = receiver
    is_sketch = len(empty) == len(done.policies)  # that nobody has filled in yet
    done.silent = {name for name in empty if not is_sketch or name.lower() in NOBODY}
    for name, receiver in empty.items():
        note(receiver, _of_empty(name, is_silent=name in done.silent))
    return done


def _of_empty(name: str, *, is_silent: bool) -> str:
    if is_silent:
        return f"sends nothing: what goes to {name!r} is muted at all times, here too"
    return f"sends nothing, as none here does: what goes to {name!r} asks who is on call"


def _fit(name: str, taken: Table[str, object]) -> str:
    """Return a name that we take, and that nobody has yet."""
    plain = _UNFIT.sub("-", name).strip("-_.")[:_LONGEST] or "receiver"
    numbered = (f"{plain}-{number}" for number in range(2, len(taken) + 3))
    return next(it for it in (plain, *numbered) if it not in taken)


def _rooms(
    kind: str, node: Node, name: str, before: list[dict[str, str]], note: Note
) -> list[dict[str, str]]:
    """Return where a receiver's messages are shown; none where we cannot, which is noted.

    before: the receiver's other rooms.
    """
    section = mapping(node, node)
    _note_lost(kind, section, note)
    if kind == "email_configs" and isinstance(to := section.get("to"), Scalar):
        return [{"email": address} for _, address in getaddresses([to.text]) if address]
    if kind == "slack_configs" and isinstance(channel := section.get("channel"), Scalar):
        if not _CHANNEL.fullmatch(channel.text):
            note(channel, "write the channel's id instead of its name (View channel details)")
        return [{"slack": channel.text}]
    if kind == "webhook_configs":
        own = _numbered(name, "webhook", before)
        note(node, f"set channels.webhook.urls.{own} to its address, and a key that signs")
        return [{"webhook": own}]
    if kind in ("msteams_configs", "msteamsv2_configs"):
        own = _numbered(name, "teams", before)
        note(node, f"set channels.teams.rooms.{own} to the address of a Workflow")
        return [{"teams": own}]
    note(node, f"not carried over: {kind}; name people, and how they are reached, in `people`")
    return []


def _numbered(name: str, kind: str, before: list[dict[str, str]]) -> str:
    """Name a room as its receiver; where that has several of a kind, with a number."""
    count = sum(kind in room for room in before)
    return f"{name}-{count + 1}" if count else name


def _note_lost(kind: str, section: Mapping, note: Note) -> None:
    """Name what a receiver says of its messages, which Tocsin words by itself."""
    known = ADDRESS.get(kind)
    lost = [key for key, _ in section if known and key.text not in (*known, *SECRET)]
    if lost:
        words = ", ".join(key.text for key in lost)
        note(lost[0], f"not carried over: {words}; messages are worded by Tocsin")
