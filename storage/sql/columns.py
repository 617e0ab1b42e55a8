"""Column types: what a model's field becomes in a row, and back, alike on both databases."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from storage.model.flaps import STEADY, Flaps
from storage.model.labels import Labels, Matcher, MatchOp
from storage.model.silence import Mute, MuteKind
from storage.sql import policy_json

Number = BigInteger().with_variant(Integer, "sqlite")
"""An id: 64 bits everywhere (SQLite counts up by itself only in a column called INTEGER)."""


def clean(text: str) -> str:
    """Replace what no database stores (NUL, half a surrogate pair) by U+FFFD.

    >>> clean("disk" + chr(0) + "full") == "disk\N{REPLACEMENT CHARACTER}full"
    True
    """
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time. Refuses naive ones with a ValueError; others are turned to UTC.

    SQLite: text of fixed width, so that it sorts (`2026-03-01T12:00:00.000000Z`).
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """SQLite has no type that keeps the zone: text."""
        plain = Text() if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(plain)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Turn into UTC; refuse what has no zone."""
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value!r} has no time zone; times in the database are aware UTC")
        return _written(value) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Come back aware, in UTC."""
        if value is None:
            return None
        return _read(value) if isinstance(value, str) else value.astimezone(UTC)


@lru_cache(maxsize=1_024)
def _written(value: datetime) -> str:
    """Write an aware time for SQLite; of a batch most are the same."""
    moment = value.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="microseconds") + "Z"


@lru_cache(maxsize=1_024)
def _read(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


class AsText(TypeDecorator[Any]):
    """A value that is stored as text: `write` makes the text, `read` the value again."""

    impl = Text
    cache_ok = True

    def __init__(self, write: Callable[[Any], str], read: Callable[[str], Any]) -> None:
        super().__init__()
        self.write, self.read = write, read

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write; None is NULL."""
        return None if value is None else self.write(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Read; NULL is None."""
        return None if value is None else self.read(value)

    # Text goes to both databases as it is, so these take the place of what SQLAlchemy would put
    # together from the two above and its own type: two calls fewer for each value of each row.

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:  # noqa: ARG002
        """Return what writes a value."""
        write = self.write
        return lambda value: None if value is None else write(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002
        """Return what reads a text."""
        read = self.read
        return lambda text: None if text is None else read(text)


def enum_text(kind: type[StrEnum]) -> AsText:
    """Store a StrEnum as its text; what is no member is refused with a ValueError."""
    return AsText(lambda value: kind(value).value, kind)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


PlainText = AsText(clean, str)
"""Text from anywhere: what would make the database refuse the whole row is replaced."""

WordsText = AsText(
    lambda words: _json(words) if words else "[]",
    lambda text: () if text == "[]" else tuple(json.loads(text)),
)
"""A tuple of strings as a JSON list."""


def _labels(labels: Labels) -> str:
    """Write quickly; half a character of a surrogate pair, which is no Unicode, as an escape."""
    if not labels:
        return "{}"
    import orjson  # with the first alert: 1 MiB

    try:
        return orjson.dumps(dict(labels)).decode()
    except TypeError:
        return _json(dict(labels))


def _read_labels(text: str) -> Labels:
    """Read what `_labels` wrote: sorted, and free of empty values."""
    if text == "{}":
        return Labels()
    import orjson  # with the first alert: 1 MiB

    try:
        return Labels(orjson.loads(text).items())
    except ValueError:  # an escaped half of a surrogate pair
        return Labels(json.loads(text).items())


LabelsText = AsText(_labels, _read_labels)
"""Labels as a JSON object; its escapes carry any character, so that identity is kept."""


def _matchers(text: str) -> tuple[Matcher, ...]:
    return tuple(Matcher(name, MatchOp(op), value) for name, op, value in json.loads(text))


MatchersText = AsText(
    lambda found: _json([(m.name, m.op.value, m.value) for m in found]), _matchers
)
"""Matchers as a JSON list of triples."""


def _mute(kind: str, by: str, until: str | None, id: str) -> Mute:
    end = None if until is None else datetime.fromisoformat(until)
    return Mute(kind=MuteKind(kind), by=by, until=end, id=id)


def _mute_json(mute: Mute) -> list[str | None]:
    until = None if mute.until is None else mute.until.astimezone(UTC).isoformat()
    return [mute.kind.value, clean(mute.by), until, clean(mute.id)]


MutesText = AsText(
    lambda mutes: _json([_mute_json(mute) for mute in mutes]) if mutes else "[]",
    lambda text: () if text == "[]" else tuple(_mute(*entry) for entry in json.loads(text)),
)
"""Why an alert is not heard, as a JSON list."""


def _flaps_json(flaps: Flaps) -> str:
    if flaps == STEADY:
        return ""
    times = (flaps.since, flaps.calm, *flaps.recent)
    written = [at and at.astimezone(UTC).isoformat() for at in times]
    return _json([flaps.count, flaps.held, *written])


def _flaps(text: str) -> Flaps:
    if not text:
        return STEADY
    count, held, *times = json.loads(text)
    since, calm, *recent = (at and datetime.fromisoformat(at) for at in times)
    return Flaps(recent=tuple(recent), since=since, count=count, held=held, calm=calm)


FlapsText = AsText(_flaps_json, _flaps)
"""What is remembered of coming and going, as a JSON list; empty where that is nothing."""

PolicyText = AsText(policy_json.encode, policy_json.decode)
"""A policy as JSON; equal texts come back as one object."""

FloatText = AsText(lambda value: repr(float(value)), float)
"""A float to the last bit; SQLite would turn a NaN into NULL."""
