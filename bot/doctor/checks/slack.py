"""Slack: are the tokens good and permitted enough, are rooms and people there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.channels.slack_errors import LIMITED, explained
from bot.chat.manifest import BOT_SCOPES
from bot.config.secret import Secret
from bot.doctor.check import Check, Patient
from routing.delivery.channel import Rejected, TryLater
from routing.finding import Finding, Group

PATIENCE = 10.0  # seconds for one call
LONGEST_WAIT = 20.0
"""Seconds that Slack may make one question wait; with more it is left out."""
OPEN = "chat:write.public"
AWAY = "look at the way from here to Slack, and at its status page"
MANIFEST = "install the app anew with the manifest that `tocsin slack manifest` prints"
INVITE = "invite the bot: /invite @tocsin in that channel"
APP_TOKEN = (
    "make an app-level token with connections:write (Basic Information > App-Level Tokens) and "
    "put it into channels.slack.app_token"
)

Json = Mapping[str, Any]


class Questions:
    """Asks Slack, one question after the other, and waits as long as it says."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client, self._turn = client, asyncio.Lock()

    async def ask(self, method: str, **args: str) -> Any:
        """Return Slack's answer; raises TryLater or Rejected, in words."""
        async with self._turn:
            try:
                return await self._patiently(method, args)
            except Exception as error:
                raise explained(error, f"Slack, {method}") from error

    async def _patiently(self, method: str, args: dict[str, str]) -> Any:
        try:
            return await self._client.api_call(method, http_verb="GET", params=args)
        except SlackApiError as error:
            wait = float(error.response.headers.get("Retry-After", 0) or 0)
            if error.response.get("error") not in LIMITED or not 0 < wait <= LONGEST_WAIT:
                raise
        await asyncio.sleep(wait)
        return await self._client.api_call(method, http_verb="GET", params=args)


async def examine(patient: Patient, group: Group) -> AsyncIterator[Finding]:
    """Ask who the tokens are, and whether each room and each person is there."""
    options = patient.options("slack")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
        slack = Questions(_client(options, options.bot_token, session))
        try:
            answer = await slack.ask("auth.test")
        except (Rejected, TryLater) as refusal:
            yield _refused("the bot token", refusal, group)
            scopes = None
        else:
            yield group.ok(f"the bot token speaks as @{answer['user']} in {answer['team']}")
            scopes = _scopes(answer.headers)
            for finding in _permitted(scopes, group):
                yield finding
        for finding in await _hearing(options, session, group):
            yield finding
        if scopes is not None:
            for finding in await _places(patient, slack, scopes, group):
                yield finding


def _client(options: Any, token: Secret, session: aiohttp.ClientSession) -> AsyncWebClient:
    return AsyncWebClient(
        token=token.reveal(),
        base_url=options.api_url.rstrip("/") + "/",
        session=session,
        retry_handlers=[],
    )


def _scopes(headers: Any) -> frozenset[str]:
    """Read X-OAuth-Scopes; header names come in any case."""
    named = {str(name).lower(): value for name, value in dict(headers).items()}
    value = named.get("x-oauth-scopes", "")
    text = ",".join(value) if isinstance(value, list | tuple) else str(value)
    return frozenset(filter(None, (scope.strip() for scope in text.split(","))))


def _permitted(scopes: frozenset[str], group: Group) -> Iterator[Finding]:
    missing = sorted(set(BOT_SCOPES) - scopes - {OPEN})
    if missing:
        yield group.fault(f"the bot token lacks the scopes {', '.join(missing)}", MANIFEST)
    else:
        yield group.ok("the bot token has every scope it needs")


async def _hearing(options: Any, session: aiohttp.ClientSession, group: Group) -> list[Finding]:
    """Ask for a socket, which is then not opened: the app-level token is good if we get one."""
    token = getattr(options, "app_token", None)
    if not isinstance(token, Secret) or not token:
        return [group.ok("listens over HTTP: that Slack reaches us only a command in Slack proves")]
    try:
        client = _client(options, token, session)
        answer = await client.api_call("apps.connections.open", json={})
    except Exception as error:
        refusal = explained(error, "Slack, apps.connections.open")
        found = _refused("the app-level token", refusal, group)
        return [replace(found, advice=APP_TOKEN) if isinstance(refusal, Rejected) else found]
    if not str(answer.get("url", "")).startswith(("wss://", "ws://")):
        return [group.fault("Slack gives no socket for the app-level token", APP_TOKEN)]
    return [group.ok("the app-level token may listen (Socket Mode)")]


async def _places(
    patient: Patient, slack: Questions, scopes: frozenset[str], group: Group
) -> list[Finding]:
    """Ask about each room and each person."""
    asked: list[Awaitable[Finding]] = []
    for room, policies in patient.rooms("slack").items():
        said = f"room {room} ({policies})"

        async def judge_room(answer: Any, said: str = said) -> Finding:
            return _room(said, answer["channel"], scopes, group)

        asked.append(_about(slack, said, judge_room, group, "conversations.info", channel=room))
    for name, id in patient.people("slack").items():
        said = f"{name} ({id})"

        async def judge_person(answer: Any, said: str = said, name: str = name) -> Finding:
            return _person(said, name, answer["user"], group)

        asked.append(_about(slack, said, judge_person, group, "users.info", user=id))
    return list(await asyncio.gather(*asked))


async def _about(
    slack: Questions,
    said: str,
    judge: Callable[[Any], Awaitable[Finding]],
    group: Group,
    method: str,
    **args: str,
) -> Finding:
    try:
        return await judge(await slack.ask(method, **args))
    except (Rejected, TryLater) as refusal:
        return _refused(said, refusal, group)


def _room(said: str, room: Json, scopes: frozenset[str], group: Group) -> Finding:
    named = f"{said} is #{room.get('name', '?')}"
    if room.get("is_archived"):
        return group.fault(
            f"{named}: archived", "unarchive the channel, or give the policy another room"
        )
    if room.get("is_member"):
        return group.ok(f"{named}; the bot is in it")
    if not room.get("is_private") and OPEN in scopes:
        return group.warning(
            f"{named}: the bot is not in it; it can post there, and cannot look for a message of "
            "its own before it repeats one",
            INVITE,
        )
    return group.fault(f"{named}: the bot is not in it", INVITE)


def _person(said: str, name: str, user: Json, group: Group) -> Finding:
    if user.get("deleted"):
        return group.fault(
            f"{said} was deactivated in Slack",
            f"correct people.{name}.slack, or take {name} off the lists",
        )
    if user.get("is_bot"):
        return group.fault(f"{said} is a bot", f"correct people.{name}.slack")
    return group.ok(f"{said} is @{user.get('name', '?')}")


def _refused(said: str, refusal: Exception, group: Group) -> Finding:
    text = f"{said}: {refusal}"
    if isinstance(refusal, Rejected):
        return group.fault(text, refusal.advice or "look the word up in Slack's documentation")
    if isinstance(refusal, TryLater) and refusal.after is not None:
        return group.warning(f"{text}; not examined", "look again in a minute")
    return group.fault(text, AWAY)


CHECK = Check(name="slack", examine=examine)
