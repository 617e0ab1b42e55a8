"""What a Slack workspace remembers: people, channels, messages with their edits, files, views."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
TEAM, APP, BOT, BOT_USER = "T1", "A1", "B1", "UBOT"
SCOPES = frozenset(
    {
        "chat:write",
        "commands",
        "channels:read",
        "channels:history",
        "groups:read",
        "groups:history",
        "im:read",
        "im:write",
        "im:history",
        "users:read",
        "users:read.email",
        "files:write",
        "reactions:write",
    }
)


class SlackError(Exception):
    """A refusal in Slack's own word ("channel_not_found"); `more` is merged into the answer."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error, self.more = error, more


@dataclass(slots=True, kw_only=True)
class User:
    """A person, or our bot."""

    id: str
    name: str
    email: str = ""
    tz: str = "Europe/London"
    is_bot: bool = False
    deleted: bool = False

    def as_json(self) -> Json:
        """As users.info shows it."""
        profile = {"real_name": self.name.title(), "display_name": self.name, "email": self.email}
        return {
            "id": self.id,
            "team_id": TEAM,
            "name": self.name,
            "real_name": self.name.title(),
            "deleted": self.deleted,
            "tz": self.tz,
            "is_bot": self.is_bot,
            "profile": profile,
        }


@dataclass(slots=True, kw_only=True)
class Channel:
    """A channel, or a direct conversation with `dm_with`."""

    id: str
    name: str
    is_member: bool = True
    is_archived: bool = False
    is_private: bool = False
    dm_with: str = ""

    def as_json(self) -> Json:
        """As conversations.info shows it."""
        if self.dm_with:
            return {"id": self.id, "is_im": True, "user": self.dm_with, "is_archived": False}
        return {
            "id": self.id,
            "name": self.name,
            "is_channel": not self.is_private,
            "is_private": self.is_private,
            "is_im": False,
            "is_member": self.is_member,
            "is_archived": self.is_archived,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """What a message said from `at` (monotonic seconds) on."""

    at: float
    text: str
    blocks: list[Json]


@dataclass(slots=True, kw_only=True)
class Message:
    """One message; `editions` holds every wording it had, the first one first.

    visible_to: the only reader of an ephemeral message.
    at:         monotonic seconds.
    """

    channel: str
    ts: str
    user: str
    editions: list[Edition]
    thread_ts: str = ""
    metadata: Json | None = None
    attachments: list[Json] = field(default_factory=list)
    files: list[Json] = field(default_factory=list)
    reactions: list[tuple[str, str]] = field(default_factory=list)
    visible_to: str = ""
    broadcast: bool = False
    deleted_at: float | None = None

    @property
    def text(self) -> str:
        """The present wording."""
        return self.editions[-1].text

    @property
    def blocks(self) -> list[Json]:
        """The present blocks."""
        return self.editions[-1].blocks

    @property
    def at(self) -> float:
        """When it was posted, monotonic seconds."""
        return self.editions[0].at

    @property
    def is_reply(self) -> bool:
        """Whether it stands in a thread under another message."""
        return bool(self.thread_ts) and self.thread_ts != self.ts

    def element(self, action_id: str) -> Json:
        """Return the button or menu with this action_id, its block_id included."""
        found = {one["action_id"]: one for one in _elements(self.blocks)}
        if action_id not in found:
            raise LookupError(f"{self.channel} {self.ts} has {sorted(found)}, not {action_id!r}")
        return found[action_id]

    @property
    def actions(self) -> list[str]:
        """The action_ids of its buttons and menus, in order."""
        return [one["action_id"] for one in _elements(self.blocks)]

    def as_json(self, *, metadata: bool = False) -> Json:
        """As conversations.history shows it."""
        shown: Json = {"type": "message", "user": self.user, "ts": self.ts, "team": TEAM}
        if self.user == BOT_USER:
            shown |= {"bot_id": BOT, "app_id": APP}
        shown |= {"text": self.text, "blocks": self.blocks}
        if len(self.editions) > 1:
            shown["edited"] = {"user": self.user, "ts": self.ts}
        if metadata and self.metadata:
            shown["metadata"] = self.metadata
        for key in ("thread_ts", "attachments", "files"):
            if value := getattr(self, key):
                shown[key] = value
        if self.reactions:
            shown["reactions"] = [{"name": n, "users": [u], "count": 1} for n, u in self.reactions]
        return shown


@dataclass(slots=True)
class Workspace:
    """Everything that one workspace holds; filled with #incidents (C1), ada (U1) and ben (U2)."""

    users: dict[str, User] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    posted: list[Message] = field(default_factory=list)
    ephemerals: list[Message] = field(default_factory=list)
    files: dict[str, Json] = field(default_factory=dict)
    views: dict[str, Json] = field(default_factory=dict)
    homes: dict[str, Json] = field(default_factory=dict)
    _by_key: dict[tuple[str, str], Message] = field(default_factory=dict)
    _threads: dict[tuple[str, str], list[Message]] = field(default_factory=dict)
    _last: int = 0
    _number: int = 0

    def __post_init__(self) -> None:
        self.add_user(User(id=BOT_USER, name="tocsin", is_bot=True))
        self.add_user(User(id="U1", name="ada", email="ada@example.com"))
        self.add_user(User(id="U2", name="ben", email="ben@example.com"))
        self.add_channel(Channel(id="C1", name="incidents"))

    def add_user(self, user: User) -> User:
        """Let somebody join."""
        self.users[user.id] = user
        return user

    def add_channel(self, channel: Channel) -> Channel:
        """Open a channel."""
        self.channels[channel.id] = channel
        return channel

    def new_ts(self) -> str:
        """Return the next message id: Unix time with microseconds, never the same twice."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def new_id(self, prefix: str) -> str:
        """Return an id that nothing else in the workspace has."""
        self._number += 1
        return f"{prefix}{self._number:08d}"

    def direct(self, user: str) -> Channel:
        """Return the direct conversation of our bot with `user`, opened if need be."""
        if user not in self.users:
            raise SlackError("user_not_found")
        if self.users[user].deleted:
            raise SlackError("user_disabled")
        known = self.channels.get(f"D{user}")
        return known or self.add_channel(Channel(id=f"D{user}", name=user, dm_with=user))

    def channel(self, name: str) -> Channel:
        """Find a channel by id, by name ("incidents", "#incidents"), or a person's DM."""
        if name in self.channels:
            return self.channels[name]
        if name in self.users:
            return self.direct(name)
        for channel in self.channels.values():
            if channel.name == name.removeprefix("#"):
                return channel
        raise SlackError("channel_not_found")

    def post(self, channel: str, user: str, text: str, blocks: list[Json], **more: Any) -> Message:
        """Write a message down and return it."""
        edition = Edition(at=time.monotonic(), text=text, blocks=self._named(blocks))
        made = Message(channel=channel, ts=self.new_ts(), user=user, editions=[edition], **more)
        (self.ephemerals if made.visible_to else self.posted).append(made)
        self._by_key[channel, made.ts] = made
        if made.is_reply:
            self._threads.setdefault((channel, made.thread_ts), []).append(made)
        return made

    def edit(self, message: Message, text: str, blocks: list[Json]) -> None:
        """Give a message a new wording; the old ones stay in `editions`."""
        new = Edition(at=time.monotonic(), text=text, blocks=self._named(blocks))
        message.editions.append(new)

    def find(self, channel: str, ts: str) -> Message:
        """Return a message that is still there."""
        found = self._by_key.get((channel, ts))
        if found is None or found.deleted_at is not None:
            raise SlackError("message_not_found")
        return found

    def standing(self, channel: str = "") -> Iterator[Message]:
        """Yield what is not deleted, oldest first; in one channel or in all."""
        for message in self.posted:
            if message.deleted_at is None and channel in {"", message.channel}:
                yield message

    def replies(self, channel: str, ts: str) -> list[Message]:
        """Return what stands in the thread under a message, oldest first."""
        return [m for m in self._threads.get((channel, ts), []) if m.deleted_at is None]

    def _named(self, blocks: list[Json]) -> list[Json]:
        """Name the blocks and elements that came without an id, as Slack does."""
        named = [{"block_id": self.new_id("b"), **block} for block in blocks]
        for block in named:
            if block["type"] == "actions":
                block["elements"] = [
                    {"action_id": self.new_id("a"), **e} for e in block["elements"]
                ]
        return named


def _elements(blocks: list[Json]) -> Iterator[Json]:
    for block in blocks:
        accessory = [block["accessory"]] if "accessory" in block else []
        for element in block["elements"] if block["type"] == "actions" else accessory:
            if "action_id" in element:
                yield {**element, "block_id": block["block_id"]}
