"""The demo in the newcomer's own Slack: two tokens are enough, the rest is asked of Slack."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from storage.errors import ConfigError

APIS = {
    "TOCSIN_SLACK_API": "https://slack.com/api/",
    "TOCSIN_TWILIO_API": "https://api.twilio.com",
}
"""Where the two are asked; the environment can say otherwise."""
TWILIO = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM", "TOCSIN_PHONE")
PATIENCE = aiohttp.ClientTimeout(total=10)


def has_twilio(environ: Mapping[str, str]) -> bool:
    """Say whether SMS can go to a real phone; raises ConfigError where only half of it is set."""
    missing = [name for name in TWILIO if not environ.get(name)]
    if missing and any(environ.get(name) for name in TWILIO[:3]):
        raise ConfigError(f"for SMS by Twilio these are missing: {', '.join(missing)}")
    return not missing


async def slack_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the demo's configuration needs besides the tokens: a channel and a person.

    The channel is one that the bot has been invited to, the person the first human in it;
    TOCSIN_SLACK_CHANNEL and TOCSIN_SLACK_USER (ids) overrule. Raises ConfigError that says what
    to do.
    """
    missing = [name for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN") if not environ.get(name)]
    if missing:
        raise ConfigError(
            f"{' and '.join(missing)}: not set; `tocsin slack manifest` prints the app to install, "
            "its pages show both tokens"
        )
    found = {
        **{name: environ.get(name, address) for name, address in APIS.items()},
        "TOCSIN_SLACK_CHANNEL": environ.get("TOCSIN_SLACK_CHANNEL", ""),
        "TOCSIN_SLACK_USER": environ.get("TOCSIN_SLACK_USER", ""),
    }
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        slack = _Slack(session, found["TOCSIN_SLACK_API"], environ["SLACK_BOT_TOKEN"])
        if not found["TOCSIN_SLACK_CHANNEL"]:
            found["TOCSIN_SLACK_CHANNEL"] = await slack.channel()
        if not found["TOCSIN_SLACK_USER"]:
            found["TOCSIN_SLACK_USER"] = await slack.human(found["TOCSIN_SLACK_CHANNEL"])
    return found


class _Slack:
    """The few questions that the demo asks of Slack's Web API."""

    def __init__(self, session: aiohttp.ClientSession, address: str, token: str) -> None:
        self._session, self._address, self._token = session, address, token

    async def channel(self) -> str:
        """Return the id of a channel that the bot is in."""
        told = await self._ask("users.conversations", types="public_channel,private_channel")
        channels = told.get("channels", [])
        if not channels:
            raise ConfigError(
                "Slack: the bot is in no channel; say `/invite @Tocsin` in one and start again"
            )
        return str(channels[0]["id"])

    async def human(self, channel: str) -> str:
        """Return the id of the first human in a channel."""
        bot = str((await self._ask("auth.test"))["user_id"])
        for member in (await self._ask("conversations.members", channel=channel))["members"]:
            if member == bot:
                continue
            user = (await self._ask("users.info", user=member))["user"]
            if not user.get("is_bot"):
                return str(member)
        raise ConfigError(f"Slack: nobody is in the channel {channel}; join it and start again")

    async def _ask(self, method: str, **form: str) -> dict[str, Any]:
        try:
            async with self._session.post(
                self._address + method,
                data=form,
                headers={"Authorization": f"Bearer {self._token}"},
            ) as answer:
                told: dict[str, Any] = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ConfigError(f"Slack, {method}: {type(error).__name__}") from error
        if not told.get("ok"):
            fault, needed = told.get("error", "no answer"), told.get("needed", "")
            more = f"; the app needs the scope {needed}" if needed else ""
            raise ConfigError(f"Slack, {method}: {fault}{more}")
        return told
