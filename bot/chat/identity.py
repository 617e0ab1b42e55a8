"""Who speaks, and what they may."""

from routing.playbook import Playbook
from storage.errors import NotAllowed
from storage.model.person import Permission, Person, PersonId


class NotPermitted(NotAllowed):
    """The person's rights forbid it; whoever answers also writes it into the record."""


def who_speaks(playbook: Playbook, channel: str, address: str) -> Person | None:
    """Return the person who is reached at this address of this channel; None: a stranger."""
    return playbook.speaker(channel, address)


def person_named(playbook: Playbook, person: PersonId | None) -> Person | None:
    """Return the person of this name, as far as the configuration in force still knows them."""
    return playbook.people.get(person) if person is not None else None


def require(person: Person, needed: Permission, deed: str) -> None:
    """Do nothing where `person` has the right; raises NotPermitted that says what is missing."""
    if not person.may(needed):
        raise NotPermitted(
            f"{deed} needs the permission `{needed}`; {person.name} has `{person.permission}`"
        )
