"""Forms that Alertmanager's programs take beyond those it writes: Go's JSON, older parsers. Pure.

Sources: encoding/json (keys in any case), go-openapi's swag.ConvertBool, pkg/labels/parse.go.
"""

import re
from collections.abc import Mapping
from typing import Any

from bot.config.fields import parse_matcher
from bot.ingest.format import BadPayload
from storage.errors import QueryError
from storage.model.labels import Matcher, MatchOp

_CLASSIC = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!=|!~|=)\s*(.*?)\s*", re.DOTALL)
_PLAIN = re.compile(r'(?:[^"\\]|\\.|\\$)*', re.DOTALL)
_ESCAPED = {"n": "\n", '"': '"', "\\": "\\"}
YES = ("true", "1", "t", "y", "yes", "ok", "on", "selected", "checked", "enabled")
NO = ("false", "0", "f", "n", "no", "off", "unselected", "unchecked", "disabled")


def in_our_case(entry: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the entry with the keys that we know as we write them. names: by their lower case."""
    if entry.keys() <= set(names.values()):
        return entry
    return {names.get(key.lower(), key): value for key, value in entry.items()}


def keys(*names: str) -> dict[str, str]:
    """Return names by their lower case, for `in_our_case`."""
    return {name.lower(): name for name in names}


def read_filter(text: str) -> Matcher:
    """Read a matcher, also one whose value has no quotes, spaces or not, or nothing in it at all.

    Raises ValueError, QueryError.
    """
    try:
        return parse_matcher(text)
    except ValueError:
        found = _CLASSIC.fullmatch(text)
        if not found or not _PLAIN.fullmatch(found[3]):
            raise
    value = re.sub(r'\\([n"\\])', lambda it: _ESCAPED[it[1]], found[3])
    return Matcher(found[1], MatchOp(found[2]), value)


def read_receiver(text: str) -> Matcher | None:
    """Read the pattern of receivers that are asked for; empty: all. Raises BadPayload."""
    try:
        return Matcher("receiver", MatchOp.REGEX, text) if text else None
    except QueryError as error:
        raise BadPayload(f"failed to parse receiver param: {error}") from error


def read_flag(text: str, name: str) -> bool:
    """Read a flag of the address, on unless something is said; raises BadPayload."""
    said = text.strip().lower()
    if said and said not in (*YES, *NO):
        raise BadPayload(f"{name}: found {said[:40]!r}; expected true or false")
    return said not in NO
