"""What a person may; who speaks is found by `Playbook.speaker`, or by a token."""

from storage.errors import NotAllowed
from storage.model.person import Permission, Person


class NotPermitted(NotAllowed):
    """The person's rights forbid it; whoever answers also writes it into the record."""


def require(person: Person, needed: Permission, deed: str) -> None:
    """Do nothing where `person` has the right; raises NotPermitted that says what is missing."""
    if not person.may(needed):
        raise NotPermitted(
            f"{deed} needs the permission `{needed}`; {person.name} has `{person.permission}`"
        )
