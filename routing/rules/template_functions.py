"""The functions that templates may call: Go's own and those of Prometheus.

Numbers of different types compare as numbers, where Go refuses; that is the one liberty taken.
`query` and `tmpl` need what only the expansion has, and stand there.
Source: Go 1.22, text/template/funcs.go; Prometheus 3, template/template.go.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any, Final
from urllib.parse import quote_plus

import re2

from routing.rules.go_format import printf, shown
from routing.rules.template_time import Moment, Span
from routing.rules.template_words import TemplateError
from storage.units import parse_duration

MANY: Final = 50
_SMALL, _LARGE = ("m", "u", "n", "p", "f", "a", "z", "y"), ("k", "M", "G", "T", "P", "E", "Z", "Y")


@dataclass(frozen=True, slots=True)
class Row:
    """One series of a query's answer, as templates see it: `.Labels` and `.Value`."""

    labels: Mapping[str, str]
    value: float

    def __str__(self) -> str:
        """Write as Go prints the whole of it."""
        return f"{{{shown(self.labels)} {shown(self.value)}}}"


def number(value: Any) -> float:
    """Read what Prometheus' humanize functions accept: a number, or a text that is one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TemplateError(f"{shown(value)!r} is not a number")
    try:
        return float(value)
    except (ValueError, OverflowError) as error:
        raise TemplateError(f"{shown(value)!r} is not a number") from error


def text(value: Any) -> str:
    """Insist on a text, as Go does."""
    if not isinstance(value, str):
        raise TemplateError(f"expected a text, found {shown(value)}")
    return value


def truth(value: Any) -> bool:
    """Say whether `if` takes the branch: anything but nothing, zero and the empty."""
    return value is not None and (value != value or value not in ("", 0, 0.0)) and not _empty(value)


def _empty(value: Any) -> bool:
    return isinstance(value, Mapping | Sequence) and len(value) == 0


def _scaled(value: float, *, base: float, prefixes: Sequence[str]) -> str:
    prefix = ""
    for candidate in prefixes:
        if abs(value) < base:
            break
        prefix, value = candidate, value / base
    return f"{_four(value)}{prefix}"


def _four(value: float) -> str:
    return printf("%.4g", [value])


def _tiny(value: float, unit: str) -> str:
    prefix = ""
    for candidate in _SMALL:
        if abs(value) >= 1:
            break
        prefix, value = candidate, value * 1000
    return f"{_four(value)}{prefix}{unit}"


def humanize(value: Any) -> str:
    """Write with a metric prefix: `1.235M`, `120m`."""
    found = number(value)
    if found == 0 or not math.isfinite(found):
        return _four(found)
    if abs(found) >= 1:
        return _scaled(found, base=1000, prefixes=_LARGE)
    return _tiny(found, "")


def humanize1024(value: Any) -> str:
    """Write with a binary prefix: `1.177Mi`."""
    found = number(value)
    if abs(found) <= 1 or not math.isfinite(found):
        return _four(found)
    binary = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
    return _scaled(found, base=1024, prefixes=binary)


def humanize_duration(value: Any) -> str:
    """Write seconds as `1h 0m 5s`, or `123.5ms`."""
    found = number(value)
    if not math.isfinite(found):
        return _four(found)
    if found == 0:
        return f"{_four(found)}s"
    if abs(found) < 1:
        return _tiny(found, "s")
    sign, size = ("-" if found < 0 else ""), abs(found)
    minutes, seconds = divmod(int(size), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{_four(size)}s"


def humanize_percentage(value: Any) -> str:
    """Write a share of 1 as per cent."""
    return f"{_four(number(value) * 100)}%"


def humanize_timestamp(value: Any) -> str:
    """Write Unix seconds as Go prints a time: `2015-06-23 13:19:44.128 +0000 UTC`."""
    found = number(value)
    if not math.isfinite(found):
        return _four(found)
    return str(Moment.of(found))


@lru_cache(maxsize=512)
def _regex(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise TemplateError(f"the regular expression {pattern!r} cannot be read") from error


def match(pattern: Any, value: Any) -> bool:
    """Say whether the pattern is found anywhere in the text; linear time."""
    return _regex(text(pattern)).search(text(value)) is not None


_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)


def replace_all(pattern: Any, replacement: Any, value: Any) -> str:
    """Replace each match; `$1`, `${1}` and `${name}` stand for groups, `$$` for a dollar."""
    compiled, wanted, source = _regex(text(pattern)), text(replacement), text(value)
    parts: list[str] = []
    last = 0
    for found in compiled.finditer(source):

        def group(reference: "re.Match[str]", found: Any = found) -> str:
            if reference[1]:
                return "$"
            name = reference[2] or reference[3]
            key = int(name) if name.isdigit() else name
            known = key <= compiled.groups if isinstance(key, int) else key in compiled.groupindex
            return (found.group(key) or "") if known else ""

        parts += source[last : found.start()], _REFERENCE.sub(group, wanted)
        last = found.end()
    return "".join(parts) + source[last:]


def title(value: Any) -> str:
    """Begin each word with a capital and leave the rest alone, as Go's strings.Title does."""
    return re.sub(r"(?<![\w])\w", lambda found: found.group().upper(), text(value))


def strip_port(value: Any) -> str:
    """Return the host of `host:port`; anything else as it is."""
    found = re.fullmatch(r"\[([^\[\]]*)\]:[^:]*|([^:\[\]]*):[^:]*", text(value))
    if found is None:
        return text(value)
    return found[1] if found[1] is not None else found[2]


def strip_domain(value: Any) -> str:
    """Return the first part of a host's name, its port kept; an address as it is."""
    host = strip_port(value)
    port = text(value)[len(host) :] if text(value).startswith(host) else ""
    if re.fullmatch(r"[\d.]+|[0-9a-fA-F:]*:[0-9a-fA-F:]*", host):
        return text(value)
    return host.split(".", 1)[0] + port


def _duration(value: Any) -> float:
    try:
        return parse_duration(text(value)).total_seconds()
    except ValueError as error:
        raise TemplateError(str(error)) from error


def _rows(value: Any) -> list[Row]:
    if isinstance(value, list) and all(isinstance(row, Row) for row in value):
        return value
    raise TemplateError(f"expected what query returns, found {shown(value)}")


def _row(value: Any) -> Row:
    if isinstance(value, Row):
        return value
    raise TemplateError(f"expected one series of what query returns, found {shown(value)}")


def first(value: Any) -> Row:
    """Return the first series of an answer."""
    if rows := _rows(value):
        return rows[0]
    raise TemplateError("first was called on an answer without series")


def index(value: Any, *keys: Any) -> Any:
    """Return `value[key][key]...`; a missing label is empty, a missing place an error."""
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(text(key), "")
        elif isinstance(value, list | str) and isinstance(key, int) and 0 <= key < len(value):
            value = ord(value[key]) if isinstance(value, str) else value[key]
        else:
            raise TemplateError(f"{shown(value)} has nothing at {shown(key)}")
    return value


def _slice(value: Any, *edges: Any) -> Any:
    if not isinstance(value, list | str) or not all(isinstance(edge, int) for edge in edges):
        raise TemplateError(f"{shown(value)} cannot be sliced")
    start = edges[0] if edges else 0
    end = edges[1] if len(edges) > 1 else len(value)
    if not 0 <= start <= end <= len(value):
        raise TemplateError(f"slice {start}:{end} lies outside of {len(value)}")
    return value[start:end]


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Mapping | Sequence):
        return len(value)
    raise TemplateError(f"{shown(value)} has no length")


def _compare(one: Any, other: Any) -> int | None:
    """Return -1, 0 or 1; None where a NaN makes any order false."""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (one, other))
    if not numbers and not (isinstance(one, str) and isinstance(other, str)):
        raise TemplateError(f"{shown(one)} and {shown(other)} cannot be compared")
    if one != one or other != other:
        return None
    return int(one > other) - int(one < other)


def _equal(one: Any, *others: Any) -> bool:
    return any(one == other and isinstance(one, str) == isinstance(other, str) for other in others)


def _printed(*values: Any) -> str:
    """Print as Go's Sprint: a space between operands when neither is a text."""
    parts: list[str] = []
    for place, value in enumerate(values):
        if place and not isinstance(value, str) and not isinstance(values[place - 1], str):
            parts.append(" ")
        parts.append(shown(value))
    return "".join(parts)


def _link(tab: int) -> Callable[[Any], str]:
    return lambda query: f"/graph?g0.expr={quote_plus(text(query))}&g0.tab={tab}"


Function = Callable[..., Any]

FUNCTIONS: Final[Mapping[str, tuple[int, int, Function]]] = {
    "args": (0, MANY, lambda *values: {f"arg{place}": v for place, v in enumerate(values)}),
    "eq": (2, MANY, _equal),
    "externalURL": (0, 0, lambda: ""),
    "first": (1, 1, first),
    "ge": (2, 2, lambda one, other: _compare(one, other) in (0, 1)),
    "graphLink": (1, 1, _link(0)),
    "gt": (2, 2, lambda one, other: _compare(one, other) == 1),
    "html": (1, MANY, lambda *values: escape(_printed(*values))),
    "humanize": (1, 1, humanize),
    "humanize1024": (1, 1, humanize1024),
    "humanizeDuration": (1, 1, humanize_duration),
    "humanizePercentage": (1, 1, humanize_percentage),
    "humanizeTimestamp": (1, 1, humanize_timestamp),
    "index": (1, MANY, index),
    "label": (2, 2, lambda name, row: _row(row).labels.get(text(name), "")),
    "le": (2, 2, lambda one, other: _compare(one, other) in (-1, 0)),
    "len": (1, 1, _length),
    "lt": (2, 2, lambda one, other: _compare(one, other) == -1),
    "match": (2, 2, match),
    "ne": (2, 2, lambda one, other: not _equal(one, other)),
    "not": (1, 1, lambda value: not truth(value)),
    "parseDuration": (1, 1, _duration),
    "pathPrefix": (0, 0, lambda: ""),
    "print": (0, MANY, _printed),
    "printf": (1, MANY, lambda layout, *values: printf(text(layout), values)),
    "println": (0, MANY, lambda *values: " ".join(map(shown, values)) + "\n"),
    "reReplaceAll": (3, 3, replace_all),
    "safeHtml": (1, 1, text),
    "slice": (1, 3, _slice),
    "sortByLabel": (2, 2, lambda n, v: sorted(_rows(v), key=lambda r: r.labels.get(text(n), ""))),
    "stripDomain": (1, 1, strip_domain),
    "stripPort": (1, 1, strip_port),
    "strvalue": (1, 1, lambda row: _row(row).labels.get("__value__", "")),
    "tableLink": (1, 1, _link(1)),
    "title": (1, 1, title),
    "toDuration": (1, 1, lambda value: Span.of(number(value))),
    "toLower": (1, 1, lambda value: text(value).lower()),
    "toTime": (1, 1, lambda value: Moment.of(number(value))),
    "toUpper": (1, 1, lambda value: text(value).upper()),
    "urlQueryEscape": (1, 1, lambda value: quote_plus(text(value))),
    "urlquery": (1, MANY, lambda *values: quote_plus(_printed(*values))),
    "value": (1, 1, lambda row: _row(row).value),
}
"""Name -> (fewest arguments, most, the function)."""
