"""`POST /-/reload`, as at Prometheus: reads configuration and rules anew."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.web.auth import Tokens, is_loopback, require_loopback
from bot.web.parts import Parts, Reload
from storage.errors import ConfigError
from storage.model.person import Permission, PersonId

NOBODY = "local"
"""Who reloads over loopback without a token."""


def routes(parts: Parts) -> list[Route]:
    """Return the route, where there is anything to reload."""
    if parts.reload is None:
        return []
    return [Route("/-/reload", ReloadDoor(parts, parts.reload).answer, methods=["POST", "PUT"])]


class ReloadDoor:
    """Lets an administrator reload, or whoever is on this very machine."""

    def __init__(self, parts: Parts, reload: Reload) -> None:
        self._parts, self._reload = parts, reload
        self._tokens = Tokens(lambda: parts.keys().people_tokens)

    async def answer(self, request: Request) -> Response:
        """Reload; 200 with what was done, 400 with every fault: then nothing has changed."""
        actor = self._actor(request)
        try:
            done = await self._reload(actor=actor, via="http")
        except ConfigError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({"text": done.text, "needs_restart": list(done.waits)})

    def _actor(self, request: Request) -> str:
        """Return who asks; raises HTTPException 401 or 403."""
        if "authorization" not in request.headers and is_loopback(self._parts.listens_on):
            require_loopback(request)
            return NOBODY
        owner = PersonId(self._tokens.owner(request))
        person = self._parts.desks.playbook().people.get(owner)
        if person is None or not person.may(Permission.ADMIN):
            raise HTTPException(403, "a reload needs the token of a person with permission admin")
        return owner
