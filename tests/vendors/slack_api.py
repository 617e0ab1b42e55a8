"""Slack's Web API: who may call, what is checked, what is answered."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.vendors.slack_content import check_content, messages_of, metadata_of, need, page, view_of
from tests.vendors.slack_limits import Limits
from tests.vendors.slack_workspace import (
    APP,
    BOT,
    BOT_USER,
    TEAM,
    Channel,
    Json,
    Message,
    SlackError,
    Workspace,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The methods, on one workspace. `url` is where the server is reached."""

    space: Workspace
    limits: Limits
    url: str
    open_link: Callable[[], str]
    spend_trigger: Callable[[str], None]
    told: Callable[[Message], None]

    def call(self, method: str, args: Json) -> Json:
        """Do what `method` asks; raises SlackError."""
        return METHODS[method].run(self, args)

    # auth, apps

    def auth_test(self, _: Json) -> Json:
        who = {"user": "tocsin", "user_id": BOT_USER, "bot_id": BOT, "app_id": APP}
        return {"url": f"{self.url}/", "team": "Test", "team_id": TEAM, **who}

    def connections_open(self, _: Json) -> Json:
        return {"url": self.open_link()}

    # chat

    def post_message(self, args: Json) -> Json:
        channel = self._writable(args)
        text, blocks = self._content(args, self.limits.text)
        parent = str(args.get("thread_ts") or "")
        if parent:
            self._parent(channel, parent)
        made = self.space.post(
            channel.id,
            BOT_USER,
            text,
            blocks,
            thread_ts=parent,
            metadata=metadata_of(args),
            attachments=args.get("attachments") or [],
            broadcast=bool(args.get("reply_broadcast")),
        )
        return {"channel": channel.id, "ts": made.ts, "message": made.as_json(metadata=True)}

    def update(self, args: Json) -> Json:
        channel = self._writable(args)
        message = self._own(channel, args, "cant_update_message")
        if message.visible_to:
            raise SlackError("message_not_found")
        given = {"blocks": message.blocks, **args}
        text, blocks = self._content(given, self.limits.update_text, in_bytes=True)
        message.metadata = metadata_of(args) if "metadata" in args else message.metadata
        self.space.edit(message, text, blocks)
        shown = message.as_json(metadata=True)
        return {"channel": channel.id, "ts": message.ts, "text": text, "message": shown}

    def delete(self, args: Json) -> Json:
        channel = self._writable(args)
        message = self._own(channel, args, "cant_delete_message")
        message.deleted_at = time.monotonic()
        return {"channel": channel.id, "ts": message.ts}

    def post_ephemeral(self, args: Json) -> Json:
        channel = self._writable(args)
        text, blocks = self._content(args, self.limits.text)
        user = need(args, "user")
        if user not in self.space.users:
            raise SlackError("user_not_in_channel")
        made = self.space.post(channel.id, BOT_USER, text, blocks, visible_to=user)
        self.told(made)
        return {"message_ts": made.ts}

    def permalink(self, args: Json) -> Json:
        channel = self._channel(args)
        ts = self.space.find(channel.id, need(args, "message_ts")).ts
        link = f"https://test.slack.com/archives/{channel.id}/p{ts.replace('.', '')}"
        return {"channel": channel.id, "permalink": link}

    # conversations

    def info(self, args: Json) -> Json:
        return {"channel": self._channel(args).as_json()}

    def listing(self, args: Json) -> Json:
        wanted = str(args.get("types") or "public_channel").split(",")
        hidden = _true(args.get("exclude_archived"))
        found = [
            channel.as_json()
            for channel in self.space.channels.values()
            if _kind(channel) in wanted and not (hidden and channel.is_archived)
        ]
        return page(found, args, "channels")

    def joined(self, args: Json) -> Json:
        """Answer the channels that our bot is in; without `user` Slack means whose token it is."""
        everything = self.listing({**args, "limit": 999, "cursor": ""})["channels"]
        return page([found for found in everything if found.get("is_member")], args, "channels")

    def members(self, args: Json) -> Json:
        """Answer who is in a channel: everybody, in this workspace."""
        self._channel(args)
        there = [user.id for user in self.space.users.values() if not user.deleted]
        return page(there, args, "members")

    def history(self, args: Json) -> Json:
        channel = self._readable(args)
        found = [
            message
            for message in self.space.standing(channel.id)
            if (not message.is_reply or message.broadcast) and _within(message.ts, args)
        ]
        answer = page(found[::-1], args, "messages")
        shown = [self._with_replies(message, args) for message in answer["messages"]]
        return answer | {"messages": shown}

    def replies(self, args: Json) -> Json:
        channel = self._readable(args)
        try:
            parent = self.space.find(channel.id, need(args, "ts"))
        except SlackError:
            raise SlackError("thread_not_found") from None
        found = [
            message.as_json(metadata=_true(args.get("include_all_metadata")))
            for message in self.space.replies(channel.id, parent.ts)
            if _within(message.ts, args)
        ]
        return page([self._with_replies(parent, args), *found], args, "messages")

    def open_direct(self, args: Json) -> Json:
        users = str(args.get("users") or "").split(",")
        if users == [""] or len(users) > 1:
            raise SlackError("users_list_not_supplied" if users == [""] else "not_enough_users")
        channel = self.space.direct(users[0])
        return {"channel": {"id": channel.id}, "no_op": False, "already_open": False}

    # users

    def user(self, args: Json) -> Json:
        found = self.space.users.get(need(args, "user"))
        if found is None:
            raise SlackError("user_not_found")
        return {"user": found.as_json()}

    def users(self, args: Json) -> Json:
        return page([user.as_json() for user in self.space.users.values()], args, "members")

    def user_by_email(self, args: Json) -> Json:
        wanted = need(args, "email").lower()
        for user in self.space.users.values():
            if user.email.lower() == wanted and not user.deleted:
                return {"user": user.as_json()}
        raise SlackError("users_not_found")

    # views

    def open_view(self, args: Json) -> Json:
        view = view_of(args)
        self.spend_trigger(need(args, "trigger_id"))
        return {"view": self._keep_view(self.space.new_id("V"), view)}

    def update_view(self, args: Json) -> Json:
        known = self.space.views.get(str(args.get("view_id") or ""))
        if known is None:
            raise SlackError("not_found")
        if args.get("hash", known["hash"]) != known["hash"]:
            raise SlackError("hash_conflict")
        return {"view": self._keep_view(known["id"], view_of(args))}

    def publish_view(self, args: Json) -> Json:
        user = need(args, "user_id")
        if user not in self.space.users:
            raise SlackError("invalid_arguments", **messages_of(["invalid `user_id`"]))
        view = self._keep_view(self.space.new_id("V"), view_of(args))
        self.space.homes[user] = view
        return {"view": view}

    def _keep_view(self, id: str, view: Json) -> Json:
        own = {"id": id, "team_id": TEAM, "app_id": APP, "bot_id": BOT}
        kept = {"callback_id": "", "private_metadata": "", "state": {"values": {}}, **view, **own}
        kept["hash"] = self.space.new_id("h")
        self.space.views[id] = kept
        return kept

    # files, reactions

    def upload_url(self, args: Json) -> Json:
        name, length = need(args, "filename"), int(need(args, "length"))
        if length < 1:
            raise SlackError("invalid_arguments")
        id = self.space.new_id("F")
        self.space.files[id] = {"id": id, "name": name, "size": length, "content": None}
        return {"upload_url": f"{self.url}/upload/v1/{id}", "file_id": id}

    def complete_upload(self, args: Json) -> Json:
        wanted = args.get("files")
        if not isinstance(wanted, list) or not wanted:
            raise SlackError("invalid_arguments")
        files = []
        for one in wanted:
            file = self.space.files.get(one.get("id", ""))
            if file is None or file["content"] is None:
                raise SlackError("file_not_found")
            file["title"] = one.get("title") or file["name"]
            files.append({key: file[key] for key in ("id", "name", "title", "size")})
        place = args.get("channel_id") or args.get("channels")
        if place:
            channel = self._writable({"channel": str(place).split(",")[0]})
            text, thread = args.get("initial_comment") or "", str(args.get("thread_ts") or "")
            self.space.post(channel.id, BOT_USER, text, [], thread_ts=thread, files=files)
        return {"files": files}

    def react(self, args: Json) -> Json:
        channel = self._channel(args)
        message = self.space.find(channel.id, need(args, "timestamp"))
        mark = (need(args, "name").strip(":"), BOT_USER)
        if mark in message.reactions:
            raise SlackError("already_reacted")
        message.reactions.append(mark)
        return {}

    # what several share

    def _channel(self, args: Json) -> Channel:
        return self.space.channel(need(args, "channel", "channel_not_found"))

    def _writable(self, args: Json) -> Channel:
        channel = self._channel(args)
        if channel.is_archived:
            raise SlackError("is_archived")
        if not channel.is_member and not channel.dm_with:
            raise SlackError("not_in_channel")
        return channel

    def _readable(self, args: Json) -> Channel:
        id = need(args, "channel", "channel_not_found")
        if id not in self.space.channels:  # a person's id is a place to post to, not to read
            raise SlackError("channel_not_found")
        channel = self.space.channels[id]
        if not channel.is_member and not channel.dm_with:
            raise SlackError("not_in_channel")
        return channel

    def _own(self, channel: Channel, args: Json, refusal: str) -> Message:
        message = self.space.find(channel.id, need(args, "ts", "message_not_found"))
        if message.user != BOT_USER:
            raise SlackError(refusal)
        return message

    def _parent(self, channel: Channel, ts: str) -> None:
        try:
            parent = self.space.find(channel.id, ts)
        except SlackError:
            raise SlackError("thread_not_found") from None
        if parent.is_reply or parent.visible_to:
            raise SlackError("cannot_reply_to_message")

    def _content(self, args: Json, most: int, *, in_bytes: bool = False) -> tuple[str, list[Json]]:
        text, blocks = args.get("text") or "", args.get("blocks") or []
        check_content(text, blocks, args.get("attachments"))
        if len(text.encode() if in_bytes else text) > most:
            raise SlackError("msg_too_long")
        return text, blocks

    def _with_replies(self, message: Message, args: Json) -> Json:
        shown = message.as_json(metadata=_true(args.get("include_all_metadata")))
        answers = self.space.replies(message.channel, message.ts)
        if answers:
            latest = {"reply_count": len(answers), "latest_reply": answers[-1].ts}
            shown |= {"thread_ts": message.ts, **latest}
        return shown


def _true(value: Any) -> bool:
    return value in (True, 1, "1", "true", "True")


def _kind(channel: Channel) -> str:
    if channel.dm_with:
        return "im"
    return "private_channel" if channel.is_private else "public_channel"


def _within(ts: str, args: Json) -> bool:
    """Whether a message lies between `oldest` and `latest`, the ends only when `inclusive`."""
    at, inclusive = float(ts), _true(args.get("inclusive"))
    oldest, latest = float(args.get("oldest") or 0), float(args.get("latest") or "inf")
    return oldest <= at <= latest if inclusive else oldest < at < latest


@dataclass(frozen=True, slots=True)
class Method:
    """One method: what does it, which scopes it needs (any of them), and whether it reads JSON."""

    run: Callable[[Api, Json], Json]
    scopes: tuple[str, ...] = ()
    json: bool = False
    app_token: bool = False


_READ = ("channels:history", "groups:history", "im:history")
_SEE = ("channels:read", "groups:read", "im:read")
METHODS: dict[str, Method] = {
    "auth.test": Method(Api.auth_test, json=True),
    "apps.connections.open": Method(Api.connections_open, json=True, app_token=True),
    "chat.postMessage": Method(Api.post_message, ("chat:write",), json=True),
    "chat.update": Method(Api.update, ("chat:write",), json=True),
    "chat.delete": Method(Api.delete, ("chat:write",), json=True),
    "chat.postEphemeral": Method(Api.post_ephemeral, ("chat:write",), json=True),
    "chat.getPermalink": Method(Api.permalink),
    "conversations.info": Method(Api.info, _SEE),
    "conversations.list": Method(Api.listing, _SEE),
    "conversations.members": Method(Api.members, _SEE),
    "users.conversations": Method(Api.joined, _SEE),
    "conversations.history": Method(Api.history, _READ),
    "conversations.replies": Method(Api.replies, _READ),
    "conversations.open": Method(Api.open_direct, ("im:write",), json=True),
    "users.info": Method(Api.user, ("users:read",)),
    "users.list": Method(Api.users, ("users:read",)),
    "users.lookupByEmail": Method(Api.user_by_email, ("users:read.email",)),
    "views.open": Method(Api.open_view, json=True),
    "views.update": Method(Api.update_view, json=True),
    "views.publish": Method(Api.publish_view, json=True),
    "files.getUploadURLExternal": Method(Api.upload_url, ("files:write",)),
    "files.completeUploadExternal": Method(Api.complete_upload, ("files:write",), json=True),
    "reactions.add": Method(Api.react, ("reactions:write",), json=True),
}
