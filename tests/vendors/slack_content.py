"""What a call carries: blocks, metadata, views, pages; checked as Slack checks them."""

import json
from collections.abc import Sequence
from typing import Any

from tests.vendors import slack_blocks
from tests.vendors.slack_workspace import Json, SlackError

HISTORY_PAGE, TITLE = 100, 24


def check_content(text: Any, blocks: Any, attachments: Any = None) -> None:
    """Refuse what Slack would not show: nothing at all, or blocks beyond its limits."""
    if not isinstance(text, str):
        raise SlackError("invalid_arguments", **messages_of(["must be a string: text"]))
    if not text and not blocks and not attachments:
        raise SlackError("no_text")
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    if wrong := slack_blocks.faults_of(blocks):
        raise SlackError("invalid_blocks", errors=wrong, **messages_of(wrong))
    if slack_blocks.weight(blocks) > slack_blocks.MESSAGE:
        raise SlackError("msg_blocks_too_long")


def view_of(args: Json) -> Json:
    """Return the view given, or refuse it."""
    view = args.get("view")
    if not isinstance(view, dict):
        raise SlackError("invalid_arguments", **messages_of(["missing required field: view"]))
    wrong = slack_blocks.faults_of(view.get("blocks"), slack_blocks.VIEW_BLOCKS)
    if view.get("type") not in {"modal", "home"}:
        wrong.append("must be one of: home, modal [json-pointer:/view/type]")
    if view.get("type") == "modal":
        title = (view.get("title") or {}).get("text", "")
        if not 0 < len(title) <= TITLE:
            wrong.append(f"must be less than {TITLE + 1} characters [json-pointer:/view/title]")
    if len(view.get("private_metadata", "")) > slack_blocks.SECTION:
        wrong.append("must be less than 3001 characters [json-pointer:/view/private_metadata]")
    if wrong:
        raise SlackError("invalid_arguments", **messages_of(wrong))
    return view


def metadata_of(args: Json) -> Json | None:
    """Return the message metadata given, or refuse it."""
    given = args.get("metadata")
    if not given:
        return None
    shape = isinstance(given, dict) and isinstance(given.get("event_payload"), dict)
    if not shape or not isinstance(given.get("event_type"), str) or not given["event_type"]:
        raise SlackError("invalid_metadata_format")
    return dict(given)


def need(args: Json, key: str, refusal: str = "invalid_arguments") -> str:
    """Return an argument that must be there."""
    value = args.get(key)
    if value in (None, ""):
        missing = messages_of([f"missing required field: {key}"])
        raise SlackError(refusal, **(missing if refusal == "invalid_arguments" else {}))
    return str(value)


def page(found: Sequence[Any], args: Json, key: str) -> Json:
    """Return the page that `limit` and `cursor` ask for, the next cursor with it."""
    limit = min(int(args.get("limit") or HISTORY_PAGE), 999)
    start = int(str(args.get("cursor") or "at:0").removeprefix("at:"))
    more = start + limit < len(found)
    cursor = f"at:{start + limit}" if more else ""
    return {
        key: found[start : start + limit],
        "has_more": more,
        "response_metadata": {"next_cursor": cursor},
    }


def decoded(args: Json) -> Json:
    """Turn the JSON texts that a form carries (blocks, view, ...) into what they mean."""
    plain = dict(args)
    for key in ("blocks", "attachments", "metadata", "view", "files"):
        if isinstance(plain.get(key), str):
            try:
                plain[key] = json.loads(plain[key]) if plain[key] else None
            except ValueError:
                raise SlackError(f"invalid_{key}_format") from None
    return plain


def messages_of(wrong: list[str]) -> Json:
    """Word the details of a refusal."""
    return {"response_metadata": {"messages": [f"[ERROR] {one}" for one in wrong]}}
