"""Who may: bearer tokens, and the rules of a page without sign-in."""

import hmac
from base64 import b64decode
from collections.abc import Callable, Mapping
from hashlib import sha256
from ipaddress import ip_address
from secrets import token_urlsafe
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bot.web.parts import Parts
from storage.model.person import Permission, PersonId

CSRF_COOKIE, CSRF_HEADER = "tocsin_csrf", "x-tocsin-csrf"


class Tokens:
    """Bearer tokens and whose they are, as they are in force. Compared by their digests."""

    def __init__(self, known: Callable[[], Mapping[str, str]]) -> None:
        self._known = known
        self._digested: Mapping[str, str] = {}
        self._owners: list[tuple[str, bytes]] = []

    def __bool__(self) -> bool:
        """Say whether there is any token at all."""
        return any(self._known().values())

    def owner(self, request: Request, *, basic: bool = False) -> str:
        """Return whose token the request carries; raises HTTPException 401 or 403.

        basic: it may also stand as the password of basic authentication, whatever the user.
        Every token is compared, each in constant time, so that the time of an answer tells
        nothing about which one came near.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if basic and scheme.lower() == "basic":
            scheme, token = "bearer", _password(token.strip())
        if scheme.lower() != "bearer" or not token.strip():
            asked = {"WWW-Authenticate": 'Basic realm="tocsin"' if basic else "Bearer"}
            raise HTTPException(401, "a bearer token is needed", headers=asked)
        given, found = _digest(token.strip()), ""
        for owner, known in self._digests():
            if hmac.compare_digest(given, known):
                found = owner
        if not found:
            raise HTTPException(403, "this bearer token is not known")
        return found

    def _digests(self) -> list[tuple[str, bytes]]:
        """Return owners and digests, made anew only after a reload."""
        known = self._known()
        if known is not self._digested:
            self._owners = [(owner, _digest(token)) for owner, token in known.items() if token]
            self._digested = known
        return self._owners


def _password(written: str) -> str:
    """Return the password of a basic authorization; empty where it cannot be read."""
    try:
        return b64decode(written, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


class Readers:
    """Who may read numbers and rules: people who may view, or this very machine.

    As long as no person has a token, and only loopback is listened on, nobody needs one.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tokens = Tokens(lambda: parts.keys().people_tokens)

    def admit(self, request: Request) -> None:
        """Let the request in; raises HTTPException 401 or 403."""
        if not self._tokens and is_loopback(self._parts.listens_on):
            require_loopback(request)
            return
        owner = PersonId(self._tokens.owner(request, basic=True))
        person = self._parts.desks.playbook().people.get(owner)
        if person is None or not person.may(Permission.VIEW):
            raise HTTPException(403, "this token names nobody who is known any more")


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


def is_loopback(host: str) -> bool:
    """Say whether a host name or address means this very machine and nothing else.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_loopback(request: Request) -> None:
    """Refuse what a foreign page may have sent; raises HTTPException 403.

    The Host must be a loopback name with our own port (a foreign name that was made to point
    here is another site's page), and an Origin, where there is one, must be that same place.
    """
    host = request.headers.get("host", "")
    if not _is_here(f"http://{host}", request):
        raise HTTPException(403, "this is served on loopback only; open it as http://127.0.0.1")
    origin = request.headers.get("origin")
    if origin is not None and not _is_here(origin, request):
        raise HTTPException(403, "another page may not speak to this one")
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise HTTPException(403, "another page may not speak to this one")


def _is_here(address: str, request: Request) -> bool:
    server = request.scope.get("server")
    try:
        parts = urlsplit(address)
        named, port = parts.hostname or "", parts.port or 80
    except ValueError:
        return False
    here = server is not None and port == server[1]
    return here and parts.scheme == "http" and is_loopback(named)


def csrf_token(request: Request) -> str:
    """Return this browser's token, a new one where it has none yet."""
    return request.cookies.get(CSRF_COOKIE) or token_urlsafe(32)


def hand_out_csrf(response: Response, token: str) -> None:
    """Give the browser its token; the page sends it back in a header, which no form can."""
    response.set_cookie(CSRF_COOKIE, token, httponly=True, samesite="strict", path="/")


def require_csrf(request: Request) -> None:
    """Refuse a change that did not come from our own page; raises HTTPException 403."""
    require_loopback(request)
    kept, sent = request.cookies.get(CSRF_COOKIE, ""), request.headers.get(CSRF_HEADER, "")
    if not kept or not hmac.compare_digest(kept.encode(), sent.encode()):
        raise HTTPException(403, "the page is out of date; load it again")
