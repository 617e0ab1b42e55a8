"""Signed links: an answer in one click, for whom the message was meant, and for a day.

A link says who answers what to which round of which incident, and until when; the signature
makes that ours. It needs no sign-in, so whoever holds the message can answer as that person,
as whoever holds their phone can.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from secrets import token_hex
from typing import Protocol, runtime_checkable

from routing.delivery.channel import Message
from routing.flow.current import Current
from routing.playbook import Playbook
from storage.clock import Clock
from storage.model.incident import IncidentId
from storage.model.person import Permission, Person, PersonId
from storage.sql import meta
from storage.sql.database import Database

PATH = "/answer/"
LASTING = timedelta(hours=24)
VERDICTS = ("verdict real", "verdict false", "verdict none")
VERBS = ("ack", "resolve", *VERDICTS)
"""What a link may say; whatever else a signature were to stand under is refused."""
ROOM = "room:"
_PURPOSE = b"tocsin answer link 1\n"
_SIGNS = 40  # hexadecimal digits of the signature: 160 bits
_LONGEST, _LONGEST_ROOM = 400, 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a link says. ends: Unix seconds, the link is of no use from then on."""

    incident: IncidentId
    round: int
    verb: str
    person: PersonId
    ends: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A button that answers: its label and the address behind it."""

    label: str
    address: str
    danger: bool = False


class AnswerLinks:
    """Makes and reads links; they lead to where the playbook says that people reach us."""

    def __init__(self, secret: str, playbook: Current[Playbook], clock: Clock) -> None:
        self._secret = secret.encode()
        self._playbook, self._clock = playbook, clock

    def person(self, channel: str, address: str) -> Person | None:
        """Return who is reached there, if anybody who is known."""
        return self._playbook().speaker(channel, address)

    def links(self, message: Message, person: Person) -> tuple[Link, ...]:
        """Return a link for each answer that the message asks of `person` and a link can give.

        None where people cannot reach us.
        """
        return self._made(message, person.id, VERBS)

    def room_links(self, message: Message, channel: str, room: str) -> tuple[Link, ...]:
        """Return links by which whoever reads a room says what an alarm was worth, nothing else.

        Nobody knows who opens them, and so the room is noted as the one that said it.
        """
        if len(room.encode(errors="replace")) > _LONGEST_ROOM:
            return ()
        reader = PersonId(f"{ROOM}{channel}:{room.encode(errors='replace').hex()}")
        return self._made(message, reader, VERDICTS)

    def speaker(self, answer: Answer) -> Person | None:
        """Return who answers by a link, if anybody who is known; a room for its readers."""
        known = self._playbook().people.get(answer.person)
        if known is not None or not answer.person.startswith(ROOM) or answer.verb not in VERDICTS:
            return known
        channel, _, room = answer.person.removeprefix(ROOM).partition(":")
        name = f"{channel.capitalize()} {bytes.fromhex(room).decode(errors='replace')}"
        return Person(id=PersonId(name), name=name, permission=Permission.RESPOND)

    def _made(self, message: Message, reader: PersonId, verbs: Sequence[str]) -> tuple[Link, ...]:
        place = self._playbook().link
        if message.incident is None or not place:
            return ()
        ends = int((self._clock.utc_now() + LASTING).timestamp())
        return tuple(
            Link(
                label=action.label,
                address=f"{place}{PATH}"
                + self.token(
                    Answer(
                        incident=IncidentId(message.incident),
                        round=message.round,
                        verb=action.verb,
                        person=reader,
                        ends=ends,
                    )
                ),
                danger=action.danger,
            )
            for action in message.actions
            if action.verb in verbs
        )

    def token(self, answer: Answer) -> str:
        """Return what stands in the address: `42.0.ack.1772539200.ada.<signature>`."""
        verb = answer.verb.replace(" ", "-")
        said = f"{answer.incident}.{answer.round}.{verb}.{answer.ends}.{answer.person}"
        return f"{said}.{self._sign(said)}"

    def read(self, token: str) -> Answer | None:
        """Return what a token says; None where it is not ours, whatever is wrong with it.

        Says nothing of `ends`: an answer that came too late is told so.
        """
        said, _, signature = token[:_LONGEST].rpartition(".")
        right = self._sign(said).encode()
        if not hmac.compare_digest(right, signature.encode(errors="replace")):
            return None
        incident, round, verb, ends, person = said.split(".", 4)
        verb = verb.replace("-", " ")
        if verb not in VERBS:
            return None
        return Answer(
            incident=IncidentId(int(incident)),
            round=int(round),
            verb=verb,
            person=PersonId(person),
            ends=int(ends),
        )

    def is_over(self, answer: Answer) -> bool:
        """Say whether the link has ended."""
        return self._clock.utc_now().timestamp() >= answer.ends

    def _sign(self, said: str) -> str:
        text = _PURPOSE + said.encode(errors="replace")
        return hmac.new(self._secret, text, sha256).hexdigest()[:_SIGNS]


@runtime_checkable
class TakesLinks(Protocol):
    """A channel whose messages carry signed links, once it has been given them."""

    def take_links(self, links: AnswerLinks) -> None:
        """Put links into what is sent from now on."""
        ...


async def kept_secret(database: Database) -> str:
    """Return the secret that this installation signs with, made by its first start."""
    async with database.transaction() as tx:
        secret = await meta.get(tx, "links.secret")
        if secret is None:
            secret = token_hex(32)
            await meta.put(tx, "links.secret", secret)
    return secret
