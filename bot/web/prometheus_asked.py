"""What a request to Prometheus' HTTP API asks for: its parameters, in all their forms."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from heapq import merge
from itertools import groupby
from math import isfinite
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from bot.ingest.format import TooLarge
from storage.errors import BotError, QueryError
from storage.model.labels import Matcher
from storage.promql.parse import parse
from storage.promql.tree import Selector
from storage.units import parse_duration

LARGEST_FORM = 1 << 20
"""Bytes of a posted form; Grafana's longest queries have some ten thousand."""
MOST_FIELDS = 1_000
LATEST = 1e11
"""Unix seconds (the year 5138) that no query reaches."""
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})([.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


class BadData(BotError):
    """The request is wrong in itself: `errorType` bad_data, status 400."""


class Asked:
    """The parameters of one request, those of a posted form before those of the address."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name, []).append(value)

    def text(self, name: str) -> str:
        """Return the first value of a parameter; empty where it is not there."""
        return self._fields.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        """Return every value of a parameter, such as `rule_name[]`."""
        return self._fields.get(name, [])

    def time(self, name: str, default: float | None = None) -> float:
        """Return a moment (Unix seconds) written as RFC 3339 or as a number of seconds."""
        written = self.text(name)
        if not written and default is not None:
            return default
        try:
            return _time(written)
        except ValueError as error:
            text = f'cannot parse "{written[:100]}" to a valid timestamp'
            raise invalid(name, text) from error

    def duration(self, name: str, default: float | None = None) -> float:
        """Return seconds, written as a number of them or as `1h30m`."""
        written = self.text(name)
        if not written and default is not None:
            return default
        try:
            if _NUMBER.fullmatch(written):
                return _bounded(float(written))
            return parse_duration(written).total_seconds()
        except ValueError as error:
            text = f'cannot parse "{written[:100]}" to a valid duration'
            raise invalid(name, text) from error

    def limit(self, name: str = "limit") -> int:
        """Return how many answers are wanted; 0: all."""
        written = self.text(name)
        if not written:
            return 0
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", written, re.ASCII):
            raise invalid(name, f'"{written[:100]}" is not a whole number')
        if int(written) < 0:
            raise invalid(name, "limit must be non-negative")
        return int(written)

    def matchers(self, *, needed: bool = False) -> list[tuple[Matcher, ...]]:
        """Return the selectors of `match[]`; `needed`: one at least must be there."""
        if needed and not self.all("match[]"):
            raise BadData("no match[] parameter provided")
        return [_selector(text) for text in self.all("match[]")]


async def read_asked(request: Request) -> Asked:
    """Read the parameters of a GET, or of a posted form; raises TooLarge, BadData."""
    fields = [*request.query_params.multi_items()]
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind == "application/x-www-form-urlencoded":
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_FORM:
                raise TooLarge(f"the form has over {LARGEST_FORM} bytes")
        try:
            form = parse_qsl(
                body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS
            )
        except ValueError as error:
            raise BadData(f"error parsing form values: {error}") from error
        fields = [*form, *fields]
    return Asked(fields)


def invalid(name: str, text: str) -> BadData:
    """Build the error about one parameter, in Prometheus' words."""
    return BadData(f'invalid parameter "{name}": {text}')


def _time(written: str) -> float:
    if _NUMBER.fullmatch(written):
        return round(_bounded(float(written)), 3)
    found = _RFC3339.fullmatch(written)
    if not found:
        raise ValueError("neither a number nor RFC 3339")
    moment, fraction, zone = found.groups()
    whole = datetime.fromisoformat(moment + zone.replace("Z", "+00:00")).timestamp()
    return round(whole + float(f"0.{fraction[1:]}" if fraction else 0), 3)


def _bounded(number: float) -> float:
    if not isfinite(number) or abs(number) >= LATEST:
        raise ValueError("out of range")
    return number


def _selector(text: str) -> tuple[Matcher, ...]:
    try:
        tree = parse(text)
    except QueryError as error:
        raise invalid("match[]", str(error)) from error
    if not isinstance(tree, Selector) or tree.offset_ms or tree.at is not None:
        raise invalid("match[]", f"{text[:100]}: a plain selector is needed, such as up{{job=...}}")
    if all(matcher.matches_value("") for matcher in tree.matchers):
        raise invalid("match[]", "match[] must contain at least one non-empty matcher")
    return tree.matchers


_ESCAPE = re.compile(r"__|_([0-9a-fA-F]{1,6})_")


def unescaped(name: str) -> str:
    """Return the label's name: in an address `label.name` may stand as `U__label_2e_name`.

    Source: prometheus/common, model/metric.go, UnescapeName.

    >>> unescaped("U__label_2e_name__of_20_it"), unescaped("job"), unescaped("U__bad_")
    ('label.name_of it', 'job', 'U__bad_')
    """
    written = name.removeprefix("U__")
    if written == name or "_" in _ESCAPE.sub("", written):
        return name
    try:
        return _ESCAPE.sub(lambda at: chr(int(at[1], 16)) if at[1] else "_", written)
    except ValueError:
        return name


def merged(found: Sequence[Sequence[str]]) -> list[str]:
    """Return all names of several sorted answers, each once, sorted; little by little."""
    return [name for name, _ in groupby(merge(*found))]


def described(metadata: Mapping[str, Mapping[str, str]], asked: Asked) -> dict[str, Any]:
    """Return metadata as the API tells it: metric name -> [{type, help, unit}]."""
    most, wanted = asked.limit(), asked.text("metric")
    each = asked.limit("limit_per_metric")
    names = [wanted] if wanted else sorted(metadata)
    told = {
        name: [
            {
                "type": metadata[name].get("type") or "unknown",
                "help": metadata[name].get("help", ""),
                "unit": metadata[name].get("unit", ""),
            }
        ][: each or None]
        for name in names
        if name in metadata
    }
    return dict([*told.items()][: most or None])
