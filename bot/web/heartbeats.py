"""`/heartbeats/<name>`: what must call every so often calls here; see docs/heartbeats.md."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.web.auth import Tokens, is_loopback, require_loopback
from bot.web.ingest import SOON, read_body
from bot.web.parts import Parts
from routing.flow.heartbeats import Heartbeats

OUTCOMES = ("fail", "ok")
HIGHEST_EXIT = 255


def routes(parts: Parts) -> list[Route]:
    """Return the routes that heartbeats call; none where nobody listens."""
    if parts.heartbeats is None:
        return []
    known = parts.heartbeats
    tokens = Tokens(lambda: parts.keys().heartbeat_tokens)

    async def call(request: Request) -> Response:
        return await _call(request, parts, tokens, known)

    methods = ["GET", "POST", "HEAD"]
    return [
        Route("/heartbeats/{name}", call, methods=methods, name="heartbeat"),
        Route("/heartbeats/{name}/{outcome}", call, methods=methods, name="heartbeat outcome"),
    ]


async def _call(request: Request, parts: Parts, tokens: Tokens, heartbeats: Heartbeats) -> Response:
    name = str(request.path_params["name"])
    _admit(request, parts, tokens, name)
    failed = _failed(str(request.path_params.get("outcome", "ok")))
    if not parts.is_accepting():
        raise HTTPException(503, "shutting down; call again", headers=SOON)
    body = await read_body(request, parts, "") if request.method == "POST" else b""
    said = body.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}").strip()
    await heartbeats.heard(name, failed=failed, said=said)
    return PlainTextResponse("OK\n")


def _admit(request: Request, parts: Parts, tokens: Tokens, name: str) -> None:
    """Let in who shows the token of this heartbeat; one without may call over loopback."""
    known = parts.keys().heartbeat_tokens
    if name in known or not is_loopback(parts.listens_on):
        owner = tokens.owner(request, basic=True)
        if owner != name:
            raise HTTPException(
                403, f"this is the token of {owner!r}; the path names {name[:80]!r}"
            )
        return
    require_loopback(request)


def _failed(outcome: str) -> bool:
    """Read `ok`, `fail` or an exit code; raises HTTPException 404."""
    if outcome in OUTCOMES:
        return outcome == "fail"
    if outcome.isascii() and outcome.isdigit() and int(outcome) <= HIGHEST_EXIT:
        return int(outcome) != 0
    raise HTTPException(404, "expected /heartbeats/<name>, and then ok, fail or an exit code")
