"""Block Kit's limits: what Slack refuses, in the words in which it refuses it. Pure."""

from collections.abc import Iterator
from typing import Any

BLOCKS, VIEW_BLOCKS, ACTIONS, FIELDS, CONTEXT = 50, 100, 25, 10, 10
MESSAGE = 13_200
SECTION, FIELD, HEADER, BUTTON, VALUE, ID = 3000, 2000, 150, 75, 2000, 255
KINDS = frozenset(
    {
        "actions",
        "call",
        "context",
        "context_actions",
        "divider",
        "file",
        "header",
        "image",
        "input",
        "markdown",
        "rich_text",
        "section",
        "table",
        "video",
    }
)
INTERACTIVE = frozenset(
    {
        "button",
        "checkboxes",
        "datepicker",
        "datetimepicker",
        "timepicker",
        "overflow",
        "radio_buttons",
        "static_select",
        "users_select",
        "conversations_select",
        "channels_select",
        "external_select",
        "multi_static_select",
        "multi_users_select",
        "multi_conversations_select",
        "multi_channels_select",
        "multi_external_select",
        "workflow_button",
    }
)


def faults_of(blocks: Any, most: int = BLOCKS) -> list[str]:
    """List what is wrong, e.g. "no more than 25 items allowed [json-pointer:/blocks/1/elements]".

    An empty list means that Slack would take them.
    """
    if not isinstance(blocks, list):
        return ["must be an array [json-pointer:/blocks]"]
    found = list(_items(blocks, "/blocks", most))
    seen: set[str] = set()
    for position, block in enumerate(blocks):
        at = f"/blocks/{position}"
        if not isinstance(block, dict):
            found.append(_at("must be an object", at))
            continue
        found += _block(block, at)
        name = block.get("block_id")
        if name in seen:
            found.append(_at("block_id already exists", f"{at}/block_id"))
        seen |= {name} if isinstance(name, str) and name else set()
    return found


def _block(block: dict[str, Any], at: str) -> Iterator[str]:
    if (kind := block.get("type")) not in KINDS:
        yield _at(f"unsupported type: {kind}", f"{at}/type")
    yield from _name(block, "block_id", at)
    match kind:
        case "section":
            yield from _section(block, at)
        case "header":
            yield from _text(block.get("text"), f"{at}/text", HEADER, plain=True)
        case "actions":
            yield from _elements(block, at, ACTIONS)
        case "context":
            yield from _context(block, at)
        case "image":
            if not block.get("alt_text"):
                yield _at("missing required field: alt_text", at)
        case "input" if isinstance(block.get("element"), dict):
            yield from _text(block.get("label"), f"{at}/label", VALUE, plain=True)
            yield from _name(block["element"], "action_id", f"{at}/element")


def _section(block: dict[str, Any], at: str) -> Iterator[str]:
    fields = block.get("fields")
    if "text" not in block and not fields:
        yield _at("missing required field: text", at)
    if "text" in block:
        yield from _text(block["text"], f"{at}/text", SECTION)
    if fields is not None:
        yield from _items(fields, f"{at}/fields", FIELDS)
        for position, one in enumerate(fields if isinstance(fields, list) else []):
            yield from _text(one, f"{at}/fields/{position}", FIELD)
    if "accessory" in block:
        yield from _element(block["accessory"], f"{at}/accessory")


def _context(block: dict[str, Any], at: str) -> Iterator[str]:
    elements = block.get("elements")
    yield from _items(elements, f"{at}/elements", CONTEXT)
    for position, one in enumerate(elements if isinstance(elements, list) else []):
        if not isinstance(one, dict) or one.get("type") != "image":
            yield from _text(one, f"{at}/elements/{position}", SECTION)


def _elements(block: dict[str, Any], at: str, most: int) -> Iterator[str]:
    elements = block.get("elements")
    yield from _items(elements, f"{at}/elements", most)
    seen: set[str] = set()
    for position, element in enumerate(elements if isinstance(elements, list) else []):
        place = f"{at}/elements/{position}"
        yield from _element(element, place)
        name = element.get("action_id") if isinstance(element, dict) else None
        if name in seen:
            yield _at(f"action_id `{name}` already exists", f"{place}/action_id")
        seen |= {name} if isinstance(name, str) and name else set()


def _element(element: Any, at: str) -> Iterator[str]:
    if not isinstance(element, dict):
        yield _at("must be an object", at)
        return
    if element.get("type") not in INTERACTIVE | {"image"}:
        yield _at(f"unsupported type: {element.get('type')}", f"{at}/type")
    yield from _name(element, "action_id", at)
    if element.get("type") == "button":
        yield from _text(element.get("text"), f"{at}/text", BUTTON, plain=True)
        yield from _short(element.get("value", ""), f"{at}/value", VALUE)
        yield from _short(element.get("url", ""), f"{at}/url", SECTION)
        if element.get("style", "primary") not in {"primary", "danger"}:
            yield _at("must be a valid enum value", f"{at}/style")
    if "confirm" in element:
        yield from _confirm(element["confirm"], f"{at}/confirm")
    if "options" in element:
        yield from _items(element["options"], f"{at}/options", 100)


def _confirm(confirm: Any, at: str) -> Iterator[str]:
    limits = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
    for part, most in limits.items():
        given = confirm.get(part) if isinstance(confirm, dict) else None
        yield from _text(given, f"{at}/{part}", most, plain=part != "text")


def _text(text: Any, at: str, most: int, *, plain: bool = False) -> Iterator[str]:
    kinds = {"plain_text"} if plain else {"plain_text", "mrkdwn"}
    if not isinstance(text, dict):
        yield _at("must be provided", at)
    elif text.get("type") not in kinds:
        yield _at(f"must be one of: {', '.join(sorted(kinds))}", f"{at}/type")
    elif not isinstance(text.get("text"), str) or not text["text"]:
        yield _at("must be more than 0 characters", f"{at}/text")
    else:
        yield from _short(text["text"], f"{at}/text", most)


def _name(thing: dict[str, Any], key: str, at: str) -> Iterator[str]:
    yield from _short(thing.get(key, ""), f"{at}/{key}", ID)


def _short(text: Any, at: str, most: int) -> Iterator[str]:
    if not isinstance(text, str):
        yield _at("must be a string", at)
    elif len(text) > most:
        yield _at(f"must be less than {most + 1} characters", at)


def _items(items: Any, at: str, most: int) -> Iterator[str]:
    if not isinstance(items, list):
        yield _at("must be an array", at)
    elif len(items) > most:
        yield _at(f"no more than {most} items allowed", at)


def _at(what: str, pointer: str) -> str:
    return f"{what} [json-pointer:{pointer}]"


def weight(blocks: Any) -> int:
    """Roughly what Slack counts before it says msg_blocks_too_long (13,200 observed).

    Source: slackapi/bolt-js issue 2509: about 13,300 characters of text in one block, and some
    125 fewer for each further block.
    """
    if isinstance(blocks, dict):
        return sum(
            len(value) if key == "text" and isinstance(value, str) else weight(value)
            for key, value in blocks.items()
        ) + 125 * (blocks.get("type") in KINDS)
    return sum(weight(one) for one in blocks) if isinstance(blocks, list) else 0
