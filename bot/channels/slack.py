"""Slack: one message an incident in each room, edited in place, its history in the thread.

Answers from people (commands, buttons) come in by `bot/chat/slack.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.channels.blocks import Rendering, history, page, top
from bot.channels.mrkdwn import USER
from bot.channels.slack_errors import GONE, UNFIT, Doubtful, Refused, explained
from bot.config.secret import Secret
from routing.delivery.channel import ChannelKind, Line, Message, Receipt, TryLater
from routing.delivery.report import Finished
from storage.model.delivery import Post, Purpose
from storage.model.incident import IncidentId

NAME = "slack"
PATIENCE = 10.0  # seconds for one call
EVENT = "tocsin_incident"
MOST_SEEN = 200  # messages looked through for one that was posted without a receipt
MOST_DOUBTS = 10_000
READS = frozenset({"conversations.history", "conversations.replies"})

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackOptions:
    """bot_token: `xoxb-...`, speaks. Exactly one of the others is set, and listens:

    app_token:      `xapp-...`, over Socket Mode: Slack needs no way in.
    signing_secret: over HTTP: Slack calls the app's Request URL and signs with it.
    """

    bot_token: Secret
    app_token: Secret | None = None
    signing_secret: Secret | None = None
    api_url: str = "https://slack.com/api/"

    def __post_init__(self) -> None:
        """Refuse neither or both ways to listen; raises ValueError."""
        if bool(self.app_token) == bool(self.signing_secret):
            found = "found both" if self.app_token else "found neither"
            raise ValueError(
                f"{found} app_token and signing_secret; expected app_token (xapp-..., Socket Mode, "
                "no public address needed) or signing_secret (Slack calls server.public_url)"
            )


class Slack:
    """Slack's Web API with one kept session. Nothing is retried in here: the outbox does that."""

    def __init__(self, options: SlackOptions) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE))
        self.client = AsyncWebClient(
            token=options.bot_token.reveal(),
            base_url=options.api_url.rstrip("/") + "/",
            session=self._session,
            retry_handlers=[],
        )
        self._doubts: dict[str, None] = {}
        self._suspects: dict[str, None] = {}

    async def send(self, message: Message, address: str, key: str, post: Post | None) -> Receipt:
        """Post or edit the incident's message in a room; ask or tell a person in its thread."""
        if message.doubted_since is not None:
            self._doubt(key)
        if message.purpose is not Purpose.ROOM or message.incident is None:
            return await self._tell(message, address, key, post)
        if post is None:
            return await self._first(message, address, key)
        return await self._again(message, key, post)

    async def outcome(self, provider_id: str) -> Receipt:
        """Say that nothing more is known; the kind does not prove."""
        raise TryLater(f"Slack proves nothing about {provider_id}")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()

    async def send_report(
        self,
        report: Finished,
        address: str,
        key: str,  # noqa: ARG002  an upload has no name to be recognised by
    ) -> Receipt:
        """Show a report in a room: words, table, charts and files."""
        from bot.channels.slack_report import show  # comes with what writes answers

        return await show(self, report, address)

    async def find(self, channel: str, ts: str) -> Json:
        """Return a top message of our own as it stands, metadata included; {} if there is none."""
        found = await self._call(
            "conversations.history",
            channel=channel,
            latest=ts,
            inclusive=True,
            limit=1,
            include_all_metadata=True,
        )
        return next((one for one in found["messages"] if one.get("ts") == ts), {})

    async def remove(self, channel: str, ts: str) -> None:
        """Delete a message of our own, a copy that nothing keeps up to date."""
        await self._call("chat.delete", channel=channel, ts=ts)

    async def _first(self, message: Message, room: str, key: str) -> Receipt:
        """Let the incident appear in a room; its history follows with the first change."""
        carried = message.asked_keys if all(map(USER.fullmatch, message.asked)) else ()
        facts = {"incident": message.incident, "version": message.version, "asked": list(carried)}
        if key in self._doubts:
            if standing := await self._standing(key, room):
                said = standing["metadata"]["event_payload"]
                post = self._post(message, room, standing["ts"], tuple(said.get("asked") or ()))
                return await self._again(message, key, post)
            _remember(self._suspects, key)  # Slack may be slow to show what it took
        ts = await self._say(room, top(message, ping=True), key, facts)
        return _receipt(self._post(message, room, ts, carried))

    async def _standing(self, key: str, room: str, keep: str = "") -> Json:
        """Return the message that stands in a room for `key`, and remove copies of it.

        keep: the one to stay, where that is known; else it is the oldest, which has the thread.
        Where Slack does not let us look, {}: one copy too many is better than none.
        """
        try:
            found = [one for one in await self._newest(room) if _key_of(one) == key]
        except Refused:
            return {}
        kept = next((one for one in found if one["ts"] == keep), found[-1] if found else {})
        for copy in found:
            if copy["ts"] != (keep or kept["ts"]):
                with suppress(Refused):
                    await self.remove(room, copy["ts"])
        return kept

    def _post(self, message: Message, room: str, ts: str, asked: tuple[str, ...]) -> Post:
        assert message.incident is not None
        incident = IncidentId(message.incident)
        return Post(incident=incident, channel=NAME, address=room, message_id=ts, asked=asked)

    async def _again(self, message: Message, key: str, post: Post) -> Receipt:
        """Edit the message in place, then tell in its thread what is new."""
        try:
            await self._edit(post, top(message, ping=False))
        except Refused as refusal:
            if refusal.error not in GONE:
                raise
            anew = await self._first(message, post.address, key)
            assert anew.post is not None
            asked = tuple(dict.fromkeys((*post.asked, *anew.post.asked)))
            return replace(anew, post=replace(anew.post, asked=asked))
        if key in self._suspects:
            await self._standing(key, post.address, keep=post.message_id)
            self._suspects.pop(key, None)
        if message.doubted_since is not None:
            post = replace(post, told=await self._told(key, post))
        news = [line for line in message.lines if line.id > post.told]
        if not news:
            return _receipt(post)
        try:
            await self._reply(message, news, key, post)
        except TryLater as later:
            later.post = post
            raise
        return _receipt(replace(post, told=news[-1].id))

    async def _reply(self, message: Message, news: Sequence[Line], key: str, post: Post) -> None:
        once = f"{key}/told/{news[-1].id}"
        if not await self._doubted(once, post.address, post.message_id):
            await self._say(post.address, history(message, news), once, {}, post.message_id)

    async def _told(self, key: str, post: Post) -> int:
        """Return the newest line that its thread tells, whatever was noted of that."""
        try:
            found = await self._newest(post.address, post.message_id)
        except Refused:
            return post.told
        begin = f"{key}/told/"
        told = [_key_of(one).removeprefix(begin) for one in found if begin in _key_of(one)]
        return max([post.told, *(int(id) for id in told if id.isdecimal())])

    async def _tell(self, message: Message, address: str, key: str, post: Post | None) -> Receipt:
        """Ask or tell a person in the incident's thread; without one, where `address` says."""
        if post is None:
            return Receipt(provider_id=await self._direct(message, address, key, address))
        if key in post.asked:
            return _receipt(post)
        place, thread = post.address, post.message_id
        if found := await self._doubted(key, place, thread):
            return Receipt(provider_id=found["ts"], post=post)
        shown = page(message, address, in_thread=True)
        try:
            ts = await self._say(place, shown, key, {}, thread)
        except Refused as refusal:
            if refusal.error in GONE:
                to = place
            elif message.purpose is Purpose.NOTICE and not refusal.fault:
                to = address  # no other channel follows a notice, as one follows a page
            else:
                raise
            ts = await self._direct(message, address, key, to)
        return Receipt(provider_id=ts, post=post)

    async def _direct(self, message: Message, address: str, key: str, place: str) -> str:
        """Tell a person alone, or in the room where the thread is gone."""
        if key in self._doubts:
            there = await self._conversation(place)
            if there and (found := await self._doubted(key, there)):
                return str(found["ts"])
        return await self._say(place, page(message, address, in_thread=False), key, {})

    async def _conversation(self, place: str) -> str:
        """Return the id of the conversation that what is said to `place` stands in.

        That with a person has one of its own; empty where Slack does not tell us.
        """
        if not USER.fullmatch(place):
            return place
        try:
            opened = await self._call("conversations.open", users=place)
        except Refused:
            return ""
        return str(opened["channel"]["id"])

    # the calls themselves

    async def _say(
        self, channel: str, shown: Rendering, key: str, facts: Json, thread: str = ""
    ) -> str:
        """Post a message, in plain words should Slack refuse its blocks; return its ts.

        What was not confirmed is remembered under `key`, to be looked for before a repeat.
        """
        metadata = {"event_type": EVENT, "event_payload": {"key": key, **facts}}
        more: Json = {"metadata": metadata, "unfurl_links": False, "unfurl_media": False}
        if thread:
            more["thread_ts"] = thread

        async def post(text: str, blocks: list[Json]) -> Any:
            said = {"text": text, "blocks": blocks, "mrkdwn": bool(blocks)}
            return await self._call("chat.postMessage", channel=channel, **said, **more)

        try:
            answer = await self._in_blocks_or_words(post, shown)
        except (Doubtful, asyncio.CancelledError):
            self._doubt(key)
            raise
        self._doubts.pop(key, None)
        return str(answer["ts"])

    async def _edit(self, post: Post, shown: Rendering) -> None:
        async def update(text: str, blocks: list[Json]) -> Any:
            # `blocks` has to be said: without it Slack keeps the old buttons.
            place = {"channel": post.address, "ts": post.message_id}
            return await self._call("chat.update", **place, text=text, blocks=blocks)

        await self._in_blocks_or_words(update, shown)

    async def _in_blocks_or_words(
        self, call: Callable[[str, list[Json]], Awaitable[Any]], shown: Rendering
    ) -> Any:
        try:
            return await call(shown.text, shown.blocks)
        except Refused as refusal:
            if refusal.error not in UNFIT:
                raise
            return await call(shown.simple, [])

    async def _doubted(self, key: str, channel: str, thread: str = "") -> Json:
        """Return the message that an unconfirmed call for `key` left, if it left one.

        Where Slack does not let us look, {}: one copy too many is better than none.
        """
        if key not in self._doubts:
            return {}
        try:
            found = await self._newest(channel, thread)
        except Refused:
            return {}
        return next((one for one in found if _key_of(one) == key), {})

    async def _newest(self, channel: str, thread: str = "") -> list[Json]:
        """Return the newest messages of a channel, or of a thread in it."""
        asked: Json = {"channel": channel, "limit": MOST_SEEN, "include_all_metadata": True}
        if thread:
            found = await self._call("conversations.replies", ts=thread, **asked)
        else:
            found = await self._call("conversations.history", **asked)
        messages: list[Json] = found["messages"]
        return messages

    def _doubt(self, key: str) -> None:
        """Remember to look for `key` before it is said again."""
        _remember(self._doubts, key)

    async def _call(self, method: str, **args: Any) -> Any:
        """Call Slack; every failure becomes TryLater or Rejected."""
        what = f"Slack, {method} in {args.get('channel') or args.get('users')}"
        try:
            if method in READS:  # they take no JSON
                answer = await self.client.api_call(method, http_verb="GET", params=_flags(args))
            else:
                answer = await self.client.api_call(method, json=args)
        except Exception as error:
            raise explained(error, what) from error
        return answer.data


def _remember(keys: dict[str, None], key: str) -> None:
    keys[key] = None
    if len(keys) > MOST_DOUBTS:
        del keys[next(iter(keys))]


def _key_of(message: Json) -> str:
    metadata = message.get("metadata") or {}
    ours = metadata.get("event_type") == EVENT
    return str((metadata.get("event_payload") or {}).get("key", "")) if ours else ""


def _flags(args: Json) -> Json:
    return {key: int(value) if isinstance(value, bool) else value for key, value in args.items()}


def _receipt(post: Post) -> Receipt:
    return Receipt(provider_id=post.message_id, post=post)


CHANNEL = ChannelKind(
    name=NAME,
    options=SlackOptions,
    open=Slack,
    is_chat=True,
    seconds_between=1.0,
    takes_reports=True,
)
