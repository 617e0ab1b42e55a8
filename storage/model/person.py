"""People: who they are, how they are reached, what they may do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

PersonId = NewType("PersonId", str)


class Permission(StrEnum):
    """What a verb can ask for. ADMIN implies RESPOND, RESPOND implies VIEW."""

    VIEW = "view"
    RESPOND = "respond"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPoint:
    """One way to reach a person.

    channel: the channel's name (`slack`, `sms`, `console`).
    address: what that channel understands: a Slack user id, an E.164 number.
    """

    channel: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can be paged or may give commands.

    contacts: in the order in which they are tried when one provably fails.
    """

    id: PersonId
    name: str
    contacts: tuple[ContactPoint, ...] = ()
    permission: Permission = Permission.RESPOND

    def may(self, needed: Permission) -> bool:
        """Say whether this person has `needed` or more."""
        order = list(Permission)
        return order.index(self.permission) >= order.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCallList:
    """People who take turns: the first is on call, the others follow when they are not reached."""

    name: str
    people: tuple[PersonId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """For a while somebody else is on call; a row, made by `oncall take 8h`. Times aware UTC."""

    oncall: str
    person: PersonId
    starts_at: datetime
    ends_at: datetime
    made_by: PersonId
