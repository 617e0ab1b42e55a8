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
NOBODY = ("null", "none", "void", "blackhole", "devnull", "watchdog")
_CHANNEL = re.compile(r"[CG][A-Z0-9]{6,}")
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST = 60
ADDRESS = {
    "email_configs": ("to",),
    "slack_configs": ("channel",),
    "webhook_configs": ("url", "url_file"),
    "msteams_configs": ("webhook_url", "webhook_url_file"),
    "msteamsv2_configs": ("webhook_url", "webhook_url_file"),
    "telegram_configs": ("chat", "chat_id", "bot_token", "bot_token_file"),
    "discord_configs": ("webhook_url", "webhook_url_file"),
    "webex_configs": ("room_id",),
    "rocketchat_configs": ("channel", "token", "token_file", "token_id", "token_id_file"),
    "mattermost_configs": ("webhook_url", "webhook_url_file", "channel"),
}
"""What says where a message goes, for those whose rooms we have as well."""
APPRISE = {
    "telegram_configs": "tgram://<token>/<chat>",
    "discord_configs": "discord://<id>/<token>",
    "webex_configs": "wxteams://<token>",
    "rocketchat_configs": "rocket://<user>:<password>@<host>/#<channel>",
    "mattermost_configs": "mmosts://<host>/<token>",
}
"""Chats that are rooms of `push`, and how apprise writes their addresses."""
PATH = (
    *(
        "from",
        "smarthost",
        "hello",
        "require_tls",
        "tls_config",
        "force_implicit_tls",
        "auth_username",
    ),
    *("auth_password", "auth_password_file", "auth_secret", "auth_secret_file", "auth_identity"),
    *("http_config", "api_url", "api_url_file", "app_token", "app_token_file", "timeout"),
)
"""What says how a message gets there."""


@dataclass(slots=True)
class Receivers:
    """What was read.

    policies: by our names.  names: theirs -> ours.
    silent:   our names of those that send nothing anywhere, such as `null`.
    hooks:    our names of those that call programs alone.
    """

    policies: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    hooks: set[str] = field(default_factory=set)


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
        elif all(kind in ADDRESS for kind, _ in parts):
            note(receiver, ADDED)
        if parts and all(kind == "webhook_configs" for kind, _ in parts):
            done.hooks.add(name)
    is_sketch = len(empty) == len(done.policies)  # that nobody has filled in yet
    done.silent = {name for name in empty if not is_sketch or name.lower() in NOBODY}
    for name, receiver in empty.items():
        note(receiver, _of_empty(name, is_silent=name in done.silent))
    return done


ADDED = "tells rooms alone; added: it asks who is on call as well, as every policy does"


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
    address = section.get("channel" if kind == "slack_configs" else "to")
    if isinstance(address, Scalar) and "{{" in address.text:
        note(address, "not carried over: a template; name each room, on a route of its own")
        return []
    if kind == "email_configs" and isinstance(to := section.get("to"), Scalar):
        return [{"email": address} for _, address in getaddresses([to.text]) if address]
    if kind == "slack_configs":
        return _slack(section, note)
    if kind == "webhook_configs":
        own = _numbered(name, "webhook", before)
        note(node, f"set channels.webhook.urls.{own} to its address, and a key that signs")
        return [{"webhook": own}]
    if kind in ("msteams_configs", "msteamsv2_configs"):
        own = _numbered(name, "teams", before)
        note(node, f"set channels.teams.rooms.{own} to the address of a Workflow")
        return [{"teams": own}]
    if kind in APPRISE:
        own = _numbered(name, "push", before)
        note(node, f"set channels.push.urls.{own} to its address for apprise, {APPRISE[kind]}")
        return [{"push": own}]
    note(node, f"not carried over: {kind}; name people, and how they are reached, in `people`")
    return []


def _slack(section: Mapping, note: Note) -> list[dict[str, str]]:
    channel = section.get("channel")
    if not isinstance(channel, Scalar):
        note(section, "names no channel; write `slack: <the channel's id>` among the rooms")
        return []
    if not _CHANNEL.fullmatch(channel.text):
        note(channel, "write the channel's id instead of its name (View channel details)")
    return [{"slack": channel.text}]


def _numbered(name: str, kind: str, before: list[dict[str, str]]) -> str:
    """Name a room as its receiver; where that has several of a kind, with a number."""
    count = sum(kind in room for room in before)
    return f"{name}-{count + 1}" if count else name


def _note_lost(kind: str, section: Mapping, note: Note) -> None:
    """Name what a receiver says of its messages besides where they go."""
    known = ADDRESS.get(kind)
    if known is None:
        return  # it is named as a whole
    lost = {key: value for key, value in section if key.text not in known}
    ways = [key for key in lost if key.text in PATH]
    ends = [key for key in lost if key.text == "send_resolved"]
    words = [key for key in lost if key not in (*ways, *ends)]
    for keys, why in (
        (ways, "how messages get there is set in `channels`"),
        (words, "messages are worded by Tocsin"),
        ([key for key in ends if _is_off(lost[key])], "that something is over is always told"),
    ):
        if keys:
            note(keys[0], f"not carried over: {', '.join(key.text for key in keys)}; {why}")


def _is_off(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is False
