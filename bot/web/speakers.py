"""Who speaks over HTTP in a client of somebody else's protocol, and whether they may act."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request

from bot.web.auth import Tokens, is_loopback, require_loopback
from bot.web.parts import Parts
from storage.model.person import Permission, Person, PersonId

LOCAL = "local"
"""Who acts on this very machine where nobody has a token."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who acts: a known person, or whoever sits at this machine (None)."""

    person: Person | None

    @property
    def name(self) -> str:
        """How the record names them."""
        return str(self.person.id) if self.person else LOCAL


class Speakers:
    """People who may respond, by their token (bearer or password).

    As long as no person has a token and only loopback is listened on, nobody needs one.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tokens = Tokens(lambda: parts.keys().people_tokens)

    def admit(self, request: Request) -> Speaker:
        """Return who speaks; raises HTTPException 401 or 403."""
        if not self._tokens and is_loopback(self._parts.listens_on):
            require_loopback(request)
            return Speaker(None)
        owner = PersonId(self._tokens.owner(request, basic=True))
        person = self._parts.desks.playbook().people.get(owner)
        if person is None or not person.may(Permission.RESPOND):
            raise HTTPException(403, f"{owner} may not do this; it needs the permission respond")
        return Speaker(person)
