"""How Slack reads a request, words an answer, and signs what it sends."""

import hashlib
import hmac
import json
import time
from typing import Any

from aiohttp import web

from tests.vendors.faults import Failure, Fault
from tests.vendors.slack_api import METHODS
from tests.vendors.slack_workspace import Json, SlackError

FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}


async def arguments(request: web.Request, method: str) -> tuple[Json, str]:
    """Return the arguments and the token of a call; raises SlackError when it cannot be read.

    Methods that only read take no JSON body: there it is passed over, as Slack does.
    """
    args: Json = dict(request.query)
    if request.method == "POST" and request.can_read_body:
        if request.content_type == "application/json":
            body = await _json_body(request)
            args |= body if method in METHODS and METHODS[method].json else {}
        elif request.content_type in FORMS:
            args |= {key: str(value) for key, value in (await request.post()).items()}
        else:
            raise SlackError("invalid_post_type")
    bearer = request.headers.get("Authorization", "")
    token = bearer.removeprefix("Bearer ") if bearer.startswith("Bearer ") else ""
    return args, token or str(args.pop("token", ""))


async def _json_body(request: web.Request) -> Json:
    try:
        body: Any = json.loads(await request.text())
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(body, dict):
        raise SlackError("json_not_object")
    return body


async def upload_of(request: web.Request) -> bytes:
    """Read an uploaded file: the plain body, or the first part of a form."""
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    part = next(iter((await request.post()).values()))
    return part.file.read() if isinstance(part, web.FileField) else str(part).encode()


def accepted(answer: Json, scopes: set[str]) -> web.Response:
    """Word a success."""
    headers = {"X-OAuth-Scopes": ",".join(sorted(scopes))}
    return web.json_response({"ok": True, **answer}, headers=headers)


def refused(refusal: SlackError) -> web.Response:
    """Word a refusal: 200 with ok false, but 429 with Retry-After for too many calls."""
    more = dict(refusal.more)
    wait = more.pop("retry_after", None)
    body = {"ok": False, "error": refusal.error, **more}
    if wait is None:
        return web.json_response(body)
    return web.json_response(body, status=429, headers={"Retry-After": str(wait)})


def spoilt(fault: Fault) -> web.Response:
    """Word a fault that speaks Slack's language: a rate limit, or an error of choice."""
    if fault.failure is Failure.RATE_LIMIT:
        return refused(SlackError("ratelimited", retry_after=max(1, round(fault.seconds))))
    return refused(SlackError(fault.error))


def signed(secret: str, body: bytes, at: float | None = None) -> dict[str, str]:
    """Return the headers by which an app in HTTP mode knows Slack (signature version v0).

    at: Unix seconds; the present when not given.
    """
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256)
    return {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest.hexdigest()}",
    }


def object_of(text: str) -> Json:
    """Read a JSON object; anything else is empty."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
