"""Slack's failures in the two words that the outbox understands, with what to do about them.

Every refusal but a few passing ones is taken for final: an alarm that waits for Slack to change
its mind rings nobody, one that fails goes to the person's next channel.
"""

import aiohttp
from slack_sdk.errors import SlackApiError

from routing.delivery.channel import Rejected, TryLater

PASSING = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
)
LIMITED = frozenset({"ratelimited", "rate_limited"})
UNFIT = frozenset(
    {
        "invalid_arguments",
        "invalid_attachments",
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
    }
)
"""Slack does not take these blocks; the same in plain words may pass."""
GONE = frozenset(
    {
        "cannot_reply_to_message",
        "cant_update_message",
        "edit_window_closed",
        "message_not_found",
        "thread_not_found",
    }
)
"""The message that was to be edited or answered does not stand there any more."""

_INVITE = "invite the bot: /invite @tocsin in that channel"
_TOKEN = "put the present bot token (xoxb-...) of the app into channels.slack.bot_token"
_SCOPE = "install the app anew with the manifest that `tocsin slack manifest` prints"
ADVICE = {
    "account_inactive": "the app was removed from the workspace: install it again and "
    "put its new bot token into channels.slack.bot_token",
    "app_missing_action_url": _SCOPE,
    "channel_is_archived": "unarchive the channel, or give the policy another room",
    "channel_not_found": "check the channel id in the policy's rooms; "
    f"if the channel is private, {_INVITE}",
    "invalid_auth": _TOKEN,
    "is_archived": "unarchive the channel, or give the policy another room",
    "missing_scope": _SCOPE,
    "no_permission": _SCOPE,
    "not_allowed_token_type": _TOKEN,
    "not_authed": _TOKEN,
    "not_in_channel": _INVITE,
    "restricted_action": "let apps post in that channel (channel settings > posting permissions)",
    "restricted_action_read_only_channel": "let apps post in that channel "
    "(channel settings > posting permissions)",
    "token_expired": _TOKEN,
    "token_revoked": _TOKEN,
    "user_disabled": "this member was deactivated: correct the person's slack id",
    "user_not_found": "correct the person's slack id (profile > Copy member ID)",
}


class Doubtful(TryLater):
    """Not confirmed: Slack may have done it all the same, so look before doing it again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, doubtful=True)


class Refused(Rejected):
    """Slack's own refusal. error: its word for it (`is_archived`)."""

    def __init__(self, reason: str, *, error: str, advice: str = "") -> None:
        everywhere = advice in (_TOKEN, _SCOPE) or error == "account_inactive"
        super().__init__(reason, advice=advice, fault=error if everywhere else "")
        self.error = error


def explained(error: Exception, what: str) -> TryLater | Rejected:
    """Say what a failed call means. what: the call and its place, for the sentence."""
    match error:
        case TryLater() | Rejected():
            return error
        case SlackApiError():
            return _answered(error, what)
        case aiohttp.ClientConnectorError():
            return TryLater(f"{what}: cannot be reached")
        case TimeoutError():
            return Doubtful(f"{what}: no answer in time")
        case OSError() | aiohttp.ClientError():
            return Doubtful(f"{what}: the connection broke")
    return Doubtful(f"{what}: an answer that is not Slack's ({type(error).__name__})")


def _answered(error: SlackApiError, what: str) -> TryLater | Rejected:
    response = error.response
    data = getattr(response, "data", None)
    word = str(data.get("error") or "") if isinstance(data, dict) else ""
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    if word in LIMITED or status == 429:
        return TryLater(f"{what}: too many calls", after=_pause(response))
    if status >= 500:
        return Doubtful(f"{what}: Slack answers {status}")
    if not word:
        return Doubtful(f"{what}: half an answer")
    if word in PASSING:
        return Doubtful(f"{what}: {word}")
    refused = f"{what}: {word}"
    if word == "missing_scope" and isinstance(data, dict) and data.get("needed"):
        refused += f" ({data['needed']})"
    return Refused(refused, error=word, advice=ADVICE.get(word, ""))


def _pause(response: object) -> float | None:
    """Return how many seconds Slack asks to wait, within reason."""
    headers = getattr(response, "headers", {})
    try:
        return min(max(float(headers.get("Retry-After", "")), 1.0), 3600.0)
    except ValueError:
        return None
