"""Any JSON webhook: `POST /webhooks/<source>`, read by the mapping of that source."""

from typing import Any

from bot.doors.door import Arrived, Caller, Door
from bot.ingest.format import BadPayload


def read(body: Any, caller: Caller) -> Arrived:
    """Read a body by the mapping that the configuration has for the source that sends."""
    if caller.mapping is None:
        raise BadPayload(
            f"source {caller.source!r} has no `mapping` in the configuration, "
            "so nothing says how this becomes an alert"
        )
    from bot.doors.mapping import apply

    return apply(caller.mapping, body, caller)


DOOR = Door(name="generic", path="/webhooks/{source}", read=read)
