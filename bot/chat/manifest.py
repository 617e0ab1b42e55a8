"""The Slack app's manifest: paste it at api.slack.com/apps, install, copy its secrets."""

from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML

from bot.chat.slack_http import PATH
from bot.chat.verb import Verb
from bot.config.config import Config
from bot.web.auth import is_loopback
from storage.errors import ConfigError

BOT_SCOPES = (
    "channels:history",  # find a message again that was sent and not recorded
    "channels:read",  # tell a room that does not exist from one that we may not enter
    "chat:write",
    "chat:write.public",  # post to public channels without an invitation
    "commands",
    "files:write",  # charts and files of reports
    "groups:history",
    "groups:read",
    "im:history",  # find again what was said to a person alone
    "im:write",  # ... which needs their conversation's id
    "users:read",
)
SHORT_FORMS = ("ack", "resolve", "alerts", "report")


def manifest(verbs: Iterable[Verb], *, short_forms: bool, http: str = "") -> str:
    """Return the manifest as YAML: `/tocsin`, and `/ack` and the like if wanted.

    short_forms: a workspace shares its command names; off, so that nothing is taken away.
    http:        our public address, where Slack is to call us; empty: Socket Mode.
    Raises ConfigError where Slack could not call that address.
    """
    address = request_url(http) if http else ""
    known = {verb.name: verb for verb in verbs}
    commands = [_command("tocsin", "Incidents: see, take, resolve", "help")]
    if short_forms:
        for name in SHORT_FORMS:
            verb = known[name]
            hint = verb.usage.split(" | ")[0].removeprefix(name).strip()
            commands.append(_command(name, verb.summary, hint))
    if address:
        commands = [{**command, "url": address} for command in commands]
    document = {
        "display_information": {
            "name": "Tocsin",
            "description": "Rings the alarm and takes the answer",
            "background_color": "#7a1f1f",
        },
        "features": {
            "bot_user": {"display_name": "Tocsin", "always_online": True},
            "slash_commands": commands,
        },
        "oauth_config": {"scopes": {"bot": list(BOT_SCOPES)}},
        "settings": {
            "interactivity": {"is_enabled": True} | ({"request_url": address} if address else {}),
            "org_deploy_enabled": False,
            "socket_mode_enabled": not address,
            "token_rotation_enabled": False,
        },
    }
    text = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 1_000
    yaml.dump(document, text)
    return text.getvalue()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a configuration says about its app. http: empty where it uses Socket Mode."""

    http: str
    short_forms: bool


def wanted(config: Config) -> Wanted:
    """Read off what the app must be like; raises ConfigError where HTTP lacks an address."""
    opened = config.opened.get("slack")
    if opened is None or not opened.options.signing_secret:
        return Wanted("", config.commands.short_forms)
    public = config.server.public_url
    if public is None:
        raise ConfigError(
            "channels.slack.signing_secret lets Slack call us, and server.public_url, where, is "
            "missing; set it, or say --http https://tocsin.example.com"
        )
    return Wanted(public, config.commands.short_forms)


def request_url(public: str) -> str:
    """Return where Slack calls us; raises ConfigError where it could not.

    >>> request_url("https://tocsin.example.com/")
    'https://tocsin.example.com/slack/events'
    """
    try:
        parts = urlsplit(public)
        fits = parts.scheme == "https" and parts.hostname and not is_loopback(parts.hostname)
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment:
        raise ConfigError(
            f"{public[:100]}: Slack calls public https addresses only; expected one such as "
            "https://tocsin.example.com, or Socket Mode, which needs none"
        )
    return public.removesuffix(PATH).rstrip("/") + PATH


def _command(name: str, description: str, hint: str) -> dict[str, Any]:
    """Write one slash command; Slack allows 2,000 characters of description."""
    command = {"command": f"/{name}", "description": description, "should_escape": False}
    return {**command, "usage_hint": hint} if hint else command
