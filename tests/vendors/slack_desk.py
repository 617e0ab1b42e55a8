"""The control verbs of Slack in its own process."""

from contextlib import suppress
from dataclasses import asdict
from typing import Any

from tests.vendors.process import Desk
from tests.vendors.slack import SlackServer
from tests.vendors.slack_http import FORM
from tests.vendors.slack_interaction import Interaction
from tests.vendors.slack_limits import Rate
from tests.vendors.slack_wire import signed
from tests.vendors.slack_workspace import Channel, Json, Message, User


class SlackDesk(Desk):
    """What a test may ask of Slack from another process."""

    _vendor: SlackServer

    async def messages(self, channel: str = "") -> list[Json]:
        """List the top messages that stand, oldest first, with every edition."""
        return [shown(message) for message in self._vendor.messages(channel)]

    async def thread(self, channel: str, ts: str) -> list[Json]:
        """List the replies under a message."""
        return [shown(message) for message in self._vendor.thread(channel, ts)]

    async def everything(self) -> list[Json]:
        """List all that was ever posted, replies and deleted messages included."""
        return [shown(message) for message in self._vendor.space.posted]

    async def ephemerals(self) -> list[Json]:
        """List the messages that only one person saw."""
        return [shown(message) for message in self._vendor.space.ephemerals]

    async def sockets(self) -> Json:
        """Count the sockets: standing now, and opened since the start."""
        sockets = self._vendor.sockets
        live = sum(not wire.dead for wire in sockets.wires)
        return {"live": live, "opened": sockets.opened, "stray_acks": sockets.stray_acks}

    async def connected(self, wires: int = 1, within: float = 30.0) -> None:
        """Answer as soon as the app holds so many live sockets."""
        await self._vendor.connected(wires, within)

    async def command(
        self, command: str, text: str = "", user: str = "U1", channel: str = "C1", wait: float = 3.0
    ) -> Json:
        """Type a slash command; wait so many seconds for the ack."""
        typed = await self._vendor.command(command, text, user=user, channel=channel)
        return await _acknowledged(typed, wait)

    async def press(
        self,
        channel: str,
        ts: str,
        action_id: str,
        user: str = "U1",
        choice: str = "",
        wait: float = 3.0,
    ) -> Json:
        """Press a button, or take a choice of a menu; wait so many seconds for the ack."""
        press = await self._vendor.press(channel, ts, action_id, user=user, choice=choice)
        return await _acknowledged(press, wait)

    async def redeliver(self, envelope_id: str, wait: float = 3.0) -> Json:
        """Send an envelope again."""
        interaction = self._vendor.sockets.interactions[envelope_id]
        before = len(interaction.statuses)
        await self._vendor.redeliver(interaction)
        if self._vendor.http.url:
            await self._vendor.until(lambda: len(interaction.statuses) > before, wait)
        return await _acknowledged(interaction, wait)

    async def listen(self, url: str) -> None:
        """From now on call this Request URL; empty: deliver over sockets."""
        self._vendor.http.url = url

    async def replay(self, envelope_id: str) -> int:
        """Send the very request again; return the HTTP status."""
        return await self._vendor.replay(self._vendor.sockets.interactions[envelope_id])

    async def post(self, body: str, headers: Json | None = None, at: float = 0.0) -> int:
        """Post a form to the Request URL; signed for `at` where no headers are given."""
        http, form = self._vendor.http, {"Content-Type": FORM}
        seal = signed(self._vendor.signing_secret, body.encode(), at)
        return (await http.post(body.encode(), form | (seal if headers is None else headers)))[0]

    async def event(self, event: Json, deliveries: int = 3) -> list[int]:
        """Let an event happen and deliver it so often over HTTP; return the statuses."""
        made = await self._vendor.event(event)
        for retry in range(1, deliveries):
            await self._vendor.redeliver(made, retry)
        await self._vendor.until(lambda: len(made.statuses) == deliveries, 10.0)
        return made.statuses

    async def interaction(self, envelope_id: str) -> Json:
        """Show what came of an interaction so far."""
        return told(self._vendor.sockets.interactions[envelope_id])

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Announce the end of the sockets."""
        await self._vendor.disconnect(reason)

    async def cut(self) -> None:
        """Reset the sockets."""
        self._vendor.cut()

    async def half_open(self) -> None:
        """Let the sockets go dead without closing them."""
        self._vendor.half_open()

    async def limits(
        self, enforced: bool = True, a_minute: float = 60.0, burst: float = 4.0
    ) -> None:
        """Set how often chat.postMessage may come in a channel, or lift every rate limit."""
        limits = self._vendor.limits
        limits.enforced, limits.posts = enforced, Rate(a_minute=a_minute, burst=burst)

    async def user(self, **fields: Any) -> None:
        """Let somebody join, or change: id, name, email, tz, deleted."""
        self._vendor.space.add_user(User(**fields))

    async def channel(self, **fields: Any) -> None:
        """Open or change a channel: id, name, is_member, is_archived, is_private."""
        self._vendor.space.add_channel(Channel(**fields))


async def _acknowledged(interaction: Interaction, wait: float) -> Json:
    if not interaction.failed:
        with suppress(TimeoutError):
            await interaction.ack(wait)
    return told(interaction)


def shown(message: Message) -> Json:
    """Write out a message."""
    return asdict(message) | {
        "text": message.text,
        "blocks": message.blocks,
        "actions": message.actions,
        "at": message.at,
    }


def told(interaction: Interaction) -> Json:
    """Write out an interaction with its acks and answers."""
    return {
        "envelope_id": interaction.envelope_id,
        "kind": interaction.kind,
        "failed": interaction.failed,
        "deliveries": interaction.deliveries,
        "statuses": interaction.statuses,
        "acks": [asdict(ack) | {"late": ack.late} for ack in interaction.acks],
        "replies": [asdict(reply) for reply in interaction.replies],
        "response_url": interaction.payload.get("response_url", ""),
    }
