"""Something a person did in Slack, and everything the app answered to it."""

import time
from dataclasses import dataclass, field

from tests.vendors.loopback import Pulse
from tests.vendors.slack_workspace import APP, TEAM, Channel, Json, Message, SlackError, User

ACK_LIMIT, TRIGGER_LIFE, RESPONSE_LIFE, RESPONSE_USES = 3.0, 3.0, 1800.0, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The app's receipt: `seconds` after the first delivery; `payload` is {} when it was bare."""

    seconds: float
    payload: Json

    @property
    def late(self) -> bool:
        """Whether Slack had already told the person that the app did not respond."""
        return self.seconds > ACK_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the person got to see. via: "ack", "response_url" or "ephemeral"."""

    via: str
    seconds: float
    text: str
    blocks: list[Json]
    payload: Json


@dataclass(slots=True, kw_only=True)
class Interaction:
    """One slash command, press, submitted form or event, from its sending on.

    failed: what Slack would show at once when the app cannot be reached, else "".
    acks:   normally one; redelivery or a confused app makes more.
    headers: what signed it when it last went over HTTP.
    statuses: the HTTP status of each delivery over HTTP; 0 where nobody answered.
    """

    kind: str
    envelope_id: str
    payload: Json
    pulse: Pulse
    user: str = ""
    channel: str = ""
    message: Message | None = None
    sent_at: float = field(default_factory=time.monotonic)
    deliveries: int = 0
    failed: str = ""
    acks: list[Ack] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    uses: int = 0
    _read: int = 0

    @property
    def seconds(self) -> float:
        """How long ago it was sent."""
        return time.monotonic() - self.sent_at

    async def ack(self, within: float = ACK_LIMIT) -> Ack:
        """Wait for the first receipt; raises TimeoutError after `within` seconds."""
        await self.pulse.until(lambda: self.acks, within, self._named("acknowledged"))
        return self.acks[0]

    async def reply(self, within: float = 5.0) -> Reply:
        """Wait for the next answer not yet read; raises TimeoutError after `within` seconds."""
        await self.pulse.until(
            lambda: len(self.replies) > self._read, within, self._named("answered")
        )
        self._read += 1
        return self.replies[self._read - 1]

    def acknowledge(self, payload: Json) -> None:
        """Note a receipt."""
        self.acks.append(Ack(seconds=self.seconds, payload=payload))
        self.pulse.beat()

    def show(self, via: str, payload: Json) -> None:
        """Note an answer."""
        text, blocks = payload.get("text") or "", payload.get("blocks") or []
        self.replies.append(
            Reply(via=via, seconds=self.seconds, text=text, blocks=blocks, payload=payload)
        )
        self.pulse.beat()

    def envelope(self, retry: int = 0, reason: str = "timeout") -> Json:
        """As it travels over Socket Mode."""
        sent: Json = {
            "envelope_id": self.envelope_id,
            "type": self.kind,
            "payload": self.payload,
            "accepts_response_payload": self.kind != "events_api",
        }
        if self.kind == "events_api" or retry:
            sent |= {"retry_attempt": retry, "retry_reason": reason if retry else ""}
        return sent

    def _named(self, what: str) -> str:
        because = f" ({self.failed})" if self.failed else ""
        return f"{self.kind} {self.envelope_id} {what}{because}"


def spend_url(interaction: Interaction | None) -> Interaction:
    """Use a response_url once more: five times within thirty minutes it may be used."""
    if interaction is None or interaction.seconds > RESPONSE_LIFE:
        raise SlackError("expired_url")
    interaction.uses += 1
    if interaction.uses > RESPONSE_USES:
        raise SlackError("used_url")
    return interaction


def command_payload(command: str, text: str, user: User, channel: Channel, **links: str) -> Json:
    """Build what a slash command sends. links: response_url, trigger_id."""
    return {
        "token": "unused",
        "team_id": TEAM,
        "team_domain": "test",
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.dm_with else channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": APP,
        "is_enterprise_install": "false",
        **links,
    }


def press_payload(
    message: Message, action_id: str, user: User, channel: Channel, choice: str = ""
) -> Json:
    """Build what a pressed button sends, or a menu in which `choice` was taken.

    LookupError when the message has no such element, or the menu no such choice.
    """
    element = message.element(action_id)
    shown = {"action_id", "block_id", "type", "text", "value", "style"} & element.keys()
    action = {key: element[key] for key in sorted(shown)} | {"action_ts": f"{time.time():.6f}"}
    if choice:
        options = {option["value"]: option for option in element.get("options", [])}
        if choice not in options:
            raise LookupError(f"{action_id!r} offers {sorted(options)}, not {choice!r}")
        action["selected_option"] = options[choice]
    hidden = bool(message.visible_to)
    thread = {"thread_ts": message.thread_ts} if message.thread_ts else {}
    payload: Json = {
        "type": "block_actions",
        **_who(user),
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": hidden,
            **thread,
        },
        "channel": {"id": channel.id, "name": channel.name},
        "state": {"values": {}},
        "actions": [action],
    }
    return payload if hidden else payload | {"message": message.as_json()}


def submit_payload(view: Json, values: Json, user: User) -> Json:
    """Build what a submitted form sends. values: {block_id: {action_id: {...}}}."""
    filled = view | {"state": {"values": values}}
    return {"type": "view_submission", **_who(user), "view": filled, "response_urls": []}


def _who(user: User) -> Json:
    person = {"id": user.id, "username": user.name, "name": user.name, "team_id": TEAM}
    team = {"id": TEAM, "domain": "test"}
    return {"user": person, "api_app_id": APP, "token": "unused", "team": team, "enterprise": None}
