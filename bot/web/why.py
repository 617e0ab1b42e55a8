"""Why, for programs: of an incident, of alerts, of everything that is not heard."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.web.api import Api
from bot.web.parts import Parts
from bot.why import incident_json, overview_json, story_json
from routing.flow.why import is_fingerprint, overview, why_alerts, why_incident
from storage.model.incident import IncidentId

MOST = 20


def routes(parts: Parts) -> list[Route]:
    """Return the routes; each needs a bearer token that names a person."""
    why = Why(parts)
    return [
        Route("/api/v1/incidents/{number:int}/why", why.incident, methods=["GET"]),
        Route("/api/v1/why", why.ask, methods=["GET"]),
    ]


class Why:
    """The answers."""

    def __init__(self, parts: Parts) -> None:
        self._desks, self._api = parts.desks, Api(parts)

    async def incident(self, request: Request) -> Response:
        """Answer why an incident was told as it was; 404 where there is none of that number."""
        self._api.person(request)
        number = IncidentId(min(request.path_params["number"], 2**62))
        return JSONResponse(incident_json(await why_incident(self._desks, number), self._desks))

    async def ask(self, request: Request) -> Response:
        """Answer of alerts: `?alert=CheckoutSlow`, `?fingerprint=7bfda5`; else of everything."""
        self._api.person(request)
        if odd := set(request.query_params) - {"alert", "fingerprint"}:
            raise HTTPException(400, f"found {min(odd)[:40]!r}; expected alert or fingerprint")
        name, key = (request.query_params.get(word, "") for word in ("alert", "fingerprint"))
        if not name and not key:
            return JSONResponse(overview_json(await overview(self._desks)))
        if key and not is_fingerprint(key):
            raise HTTPException(400, f"fingerprint: found {key[:40]!r}; expected 6 to 16 of 0-9a-f")
        pairs = [("alertname", name)] if name else []
        found = await why_alerts(self._desks, pairs, fingerprint=key, most=MOST)
        return JSONResponse({"alerts": [story_json(story) for story in found.stories]})
