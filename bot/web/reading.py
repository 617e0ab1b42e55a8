"""Small JSON bodies, read with a limit."""

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from bot.ingest.format import TooLarge


async def read_json(request: Request, limit: int) -> dict[str, Any]:
    """Read a JSON object of at most `limit` bytes; raises HTTPException 400 or 415, TooLarge."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Content-Type: application/json is read")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"the body has over {limit} bytes")
    try:
        read = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"not JSON: {error}") from error
    if not isinstance(read, dict):
        raise HTTPException(400, "expected a JSON object")
    return read
