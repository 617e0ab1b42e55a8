"""How a table is asked over HTTP, and what an answer means. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bot.doors.alert_json import readable
from bot.ingest.format import BadPayload
from routing.lookups import Row

PLACE = "{value}"
LONGEST_VALUE, LONGEST_TEXT = 500, 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a table stands.

    url:     with `{value}` where the label's value goes.  headers: sent along.
    labels, annotations: our name -> the compiled JMESPath that finds its value in the answer.
    timeout: seconds for one answer, and that an alert waits for it at most.
    keep:    seconds after which an answer is asked for anew.
    allow:   networks inside that may be called.  max_size: of an answer, in bytes.
    """

    url: str
    headers: Mapping[str, str]
    labels: Mapping[str, Any]
    annotations: Mapping[str, Any]
    timeout: float
    keep: float
    allow: tuple[str, ...]
    max_size: int
    ca_file: Path | None = None

    def of(self, value: str) -> str:
        """Return the address for one value; empty where none can be written for it.

        Nothing in a value leads elsewhere: it is one part of a path, or of a query.
        """
        if len(value) > LONGEST_VALUE or not value.strip(".") or not value.isprintable():
            return ""
        return self.url.replace(PLACE, quote(value, safe="", errors="replace"))

    def read(self, body: bytes) -> Row:
        """Read an answer; raises BadPayload where it is no JSON, or a value is no text."""
        try:
            told = json.loads(body)
            return Row(_found(self.labels, told), _found(self.annotations, told))
        except BadPayload:
            raise
        except Exception as error:  # jmespath raises what it likes on data that it did not expect
            raise BadPayload(f"not the JSON that is expected: {type(error).__name__}") from error


def _found(wanted: Mapping[str, Any], told: Any) -> dict[str, str]:
    found = {}
    for name, path in wanted.items():
        value = path.search(told)
        if value is None or value == "":
            continue
        if isinstance(value, dict | list):
            raise BadPayload(f"{name}: found a {type(value).__name__}, expected a text")
        text = value if isinstance(value, str) else json.dumps(value)
        found[name] = readable(text, name)[:LONGEST_TEXT]
    return found
