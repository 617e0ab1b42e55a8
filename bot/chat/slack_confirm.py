"""What has to be confirmed, as two buttons: for whoever asked, for ten minutes, once.

A button carries the sentence that it says, signed. What a signature stands under was asked by that
person; whether they may do it, and what it would do, is looked at again when it is said.
"""

import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from secrets import token_hex
from typing import Any

from bot.channels.blocks import LONGEST_BUTTON
from bot.channels.mrkdwn import Block, plain
from bot.channels.slack import NAME
from bot.chat.verb import Confirm
from routing.flow.desks import Desks
from storage.model.person import PersonId
from storage.sql import audit, seen

CONFIRM, CANCEL = "confirm", "cancel"
ACTIONS = frozenset({CONFIRM, CANCEL})
LASTING = timedelta(minutes=10)
LONGEST_VALUE = 2_000
"""Slack takes no longer value of a button; a longer sentence has to be typed."""
_PURPOSE = b"tocsin confirmation 1\n"

FORGED = "This is not yours to confirm; nothing was done."
OVER = "That was asked more than ten minutes ago; nothing was done. Say it again."
DONE = "That was answered before; nothing more was done."
CANCELLED = "Nothing was done."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """What became of a press. sentence: what is to be said now; empty: `answer` is all."""

    sentence: str = ""
    answer: str = ""


class Confirmations:
    """Makes the buttons, and believes no press that it did not ask for."""

    def __init__(self, secret: str, desks: Desks) -> None:
        self._secret, self._desks = secret.encode(), desks

    def block(self, confirm: Confirm, person: PersonId) -> Block | None:
        """Return the two buttons; None where the sentence is too long to be carried."""
        now = self._desks.clock.utc_now()
        told = {
            "say": confirm.sentence,
            "who": person,
            "ends": int((now + LASTING).timestamp()),
            "once": token_hex(8),
        }
        value = json.dumps(told | {"seal": self._seal(told)}, separators=(",", ":"))
        if len(value) > LONGEST_VALUE:
            return None
        buttons = [
            _button(CONFIRM, confirm.label, value) | {"style": "danger"},
            _button(CANCEL, "Cancel", value),
        ]
        return {"type": "actions", "elements": buttons}

    async def pressed(self, verb: str, value: Any, person: PersonId | None, user: str) -> Pressed:
        """Return what a press by this person stands for; each pair of buttons is pressed once.

        person: who presses, None for a stranger, whom Slack calls `user`.
        """
        told = self._read(value)
        if told is None or person is None or told["who"] != person:
            await self._refused(person or user[:64])
            return Pressed(answer=FORGED)
        now = self._desks.clock.utc_now()
        if told["ends"] <= now.timestamp():
            return Pressed(answer=OVER)
        async with self._desks.database.transaction() as tx:
            if not await seen.first_time(tx, f"confirm/{told['once']}", now):
                return Pressed(answer=DONE)
        return Pressed(answer=CANCELLED) if verb == CANCEL else Pressed(sentence=told["say"])

    def _read(self, value: Any) -> dict[str, Any] | None:
        try:
            told = json.loads(value) if isinstance(value, str) else None
        except (ValueError, RecursionError):
            return None
        if not isinstance(told, dict):
            return None
        seal = str(told.pop("seal", "")).encode(errors="replace")
        return told if hmac.compare_digest(seal, self._seal(told).encode()) else None

    def _seal(self, told: dict[str, Any]) -> str:
        text = json.dumps(told, sort_keys=True).encode(errors="replace")
        return hmac.new(self._secret, _PURPOSE + text, sha256).hexdigest()[:40]

    async def _refused(self, actor: str) -> None:
        async with self._desks.database.transaction() as tx:
            await audit.append(
                tx,
                incident=None,
                at=self._desks.clock.utc_now(),
                actor=actor,
                via=NAME,
                what="refused",
                because="confirmed what somebody else, or nobody, was asked",
            )


def _button(action: str, label: str, value: str) -> Block:
    text = plain(label, LONGEST_BUTTON)
    return {"type": "button", "action_id": action, "text": text, "value": value}
