"""The Slack app's manifest: paste it at api.slack.com/apps, install, copy two tokens."""

from collections.abc import Iterable
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from bot.chat.verb import Verb

BOT_SCOPES = (
    "channels:history",  # find a message again that was sent and not recorded
    "channels:read",  # tell a room that does not exist from one that we may not enter
    "chat:write",
    "chat:write.public",  # post to public channels without an invitation
    "commands",
    "files:write",  # charts and files of reports
    "groups:history",
    "groups:read",
    "users:read",
)
SHORT_FORMS = ("ack", "resolve", "alerts", "report")


def manifest(verbs: Iterable[Verb], *, short_forms: bool) -> str:
    """Return the manifest as YAML: Socket Mode, `/tocsin`, and `/ack` and the like if wanted.

    short_forms: a workspace shares its command names; off, so that nothing is taken away.
    """
    known = {verb.name: verb for verb in verbs}
    commands = [_command("tocsin", "Incidents: see, take, resolve", "help")]
    if short_forms:
        for name in SHORT_FORMS:
            verb = known[name]
            hint = verb.usage.split(" | ")[0].removeprefix(name).strip()
            commands.append(_command(name, verb.summary, hint))
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
            "interactivity": {"is_enabled": True},
            "org_deploy_enabled": False,
            "socket_mode_enabled": True,
            "token_rotation_enabled": False,
        },
    }
    text = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 1_000
    yaml.dump(document, text)
    return text.getvalue()


def _command(name: str, description: str, hint: str) -> dict[str, Any]:
    """Write one slash command; Slack allows 2,000 characters of description."""
    command = {"command": f"/{name}", "description": description, "should_escape": False}
    return {**command, "usage_hint": hint} if hint else command
