"""A pressed button: what it says, whether it may say it, and how its message is put right.

The value that comes with a press is only a claim. Which incident a message shows is known from
our own database, or, for one that was posted but not yet written down, from Slack itself.
"""

import json
from dataclasses import dataclass
from typing import Any

import structlog

from bot.channels.slack import EVENT, NAME, Slack
from routing.delivery.channel import Rejected, TryLater
from routing.delivery.compose import ACTIONS, SILENCES
from routing.flow.desks import Desks
from storage.model.incident import IncidentId
from storage.sql import audit, posts

log = structlog.get_logger(__name__)

VERBS = frozenset(action.verb for actions in (*ACTIONS.values(), SILENCES) for action in actions)
FORGED = "This button does not belong to this message; nothing was done."
UNKNOWN = "I do not know this message; nothing was done. Type `/tocsin alerts` instead."


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """incident: the number that the button claims; 0 where it claims none.  ts: its message.

    value: what came with it, as it came.
    """

    verb: str
    incident: int
    user: str
    channel: str
    ts: str
    value: Any = None

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Press":
        """Read what Slack sends; whatever is missing or odd becomes empty."""
        actions, container = body.get("actions"), _object(body.get("container"))
        action = _object(actions[0] if isinstance(actions, list) and actions else None)
        chosen = _object(action.get("selected_option"))  # of a menu
        value = action.get("value") or chosen.get("value")
        try:
            told = _object(json.loads(value or "{}"))
        except (ValueError, TypeError, RecursionError):
            told = {}
        claimed = told.get("incident")
        place = _object(body.get("channel")).get("id") or container.get("channel_id")
        return cls(
            verb=str((told.get("say") if chosen else action.get("action_id")) or ""),
            incident=claimed if type(claimed) is int and 0 < claimed < 2**31 else 0,
            user=str(_object(body.get("user")).get("id") or ""),
            channel=str(place or ""),
            ts=str(container.get("message_ts") or ""),
            value=value,
        )

    @property
    def sentence(self) -> str:
        """What a person would have typed: `snooze 12 30m`."""
        verb, _, rest = self.verb.partition(" ")
        return f"{verb} {self.incident} {rest}".strip()


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


async def misplaced(press: Press, desks: Desks, slack: Slack) -> str:
    """Say why the press is refused, and keep it in the record; empty where it is in order."""
    shown = await _shown(press, desks, slack)
    if shown == press.incident != 0 and press.verb in VERBS:
        return ""
    person = desks.playbook().speaker(NAME, press.user)
    async with desks.database.transaction() as tx:
        await audit.append(
            tx,
            incident=IncidentId(shown) if shown else None,
            at=desks.clock.utc_now(),
            actor=person.id if person else press.user,
            via=NAME,
            what="refused",
            because=f"a button said {press.sentence[:100]!r} on a message that shows "
            + (f"#{shown}" if shown else "no known incident"),
        )
    return FORGED if shown else UNKNOWN


async def _shown(press: Press, desks: Desks, slack: Slack) -> int:
    async with desks.database.reading() as tx:
        known = await posts.by_message(tx, NAME, press.channel, press.ts)
    if known is not None:
        return int(known)
    try:
        metadata = (await slack.find(press.channel, press.ts)).get("metadata") or {}
    except (TryLater, Rejected) as error:
        log.warning("a pressed message could not be looked up", reason=str(error))
        return 0
    facts = metadata.get("event_payload") or {}
    return int(facts.get("incident") or 0) if metadata.get("event_type") == EVENT else 0


async def put_right(press: Press, desks: Desks, slack: Slack, *, stale: bool) -> None:
    """Remove a stray copy; show the present state where the button was out of date."""
    incident = IncidentId(press.incident)
    async with desks.database.reading() as tx:
        post = await posts.get(tx, incident, NAME, press.channel)
    if post is not None and post.message_id != press.ts:
        try:
            await slack.remove(press.channel, press.ts)
        except (TryLater, Rejected) as error:
            log.warning("a stray copy could not be removed", reason=str(error))
    elif stale:
        await desks.incidents.show_again(incident, NAME, press.channel)
