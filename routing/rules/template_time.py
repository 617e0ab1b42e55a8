"""What `toTime` and `toDuration` return: moments and spans as Go prints them, with its methods.

Source: Go 1.22, time/format.go and time/time.go.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from routing.rules.template_words import TemplateError

_MOST_NANOSECONDS: Final = 2**63 - 1
_SECOND: Final = 10**9


@dataclass(frozen=True, slots=True)
class Moment:
    """Go's `time.Time`, in UTC, to the millisecond."""

    at: datetime

    @classmethod
    def of(cls, seconds: float) -> "Moment":
        """Take Unix seconds; raises TemplateError for what is no time."""
        nanoseconds = _nanoseconds(seconds)
        milliseconds = nanoseconds // 1_000_000
        return cls(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds))

    def __str__(self) -> str:
        """Write as Go does: `2015-06-23 13:19:44.128 +0000 UTC`."""
        return formatted(self.at, "2006-01-02 15:04:05.999 -0700 MST")


@dataclass(frozen=True, slots=True)
class Span:
    """Go's `time.Duration`."""

    nanoseconds: int

    @classmethod
    def of(cls, seconds: float) -> "Span":
        """Take seconds; raises TemplateError for what is no span."""
        return cls(_nanoseconds(seconds))

    def __str__(self) -> str:
        """Write as Go does: `1h0m5s`, `1.5ms`, `0s`."""
        size = abs(self.nanoseconds)
        sign = "-" if self.nanoseconds < 0 else ""
        if size < _SECOND:
            scales = (("ms", 10**6), ("µs", 10**3), ("ns", 1))
            unit, scale = next(((u, s) for u, s in scales if size >= s), ("s", _SECOND))
            return f"{sign}{_point(size, scale)}{unit}"
        minutes, rest = divmod(size, 60 * _SECOND)
        hours, minutes = divmod(minutes, 60)
        text = f"{_point(rest, _SECOND)}s"
        if hours:
            return f"{sign}{hours}h{minutes}m{text}"
        return f"{sign}{minutes}m{text}" if minutes else f"{sign}{text}"


def _point(size: int, scale: int) -> str:
    whole, rest = divmod(size, scale)
    digits = str(scale + rest)[1:].rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else f"{whole}"


def _nanoseconds(seconds: float) -> int:
    if not math.isfinite(seconds) or abs(seconds) * 1e9 > _MOST_NANOSECONDS:
        raise TemplateError(f"{seconds!r} is not a time that fits 64 bits of nanoseconds")
    return int(seconds * 1e9)


_LAYOUT = re.compile(
    r"January|Jan|Monday|Mon|MST|2006|Z07:00|Z0700|-07:00|-0700|-07|002|0[1-6]|15|PM|pm|_2"
    r"|[.,]0+(?!\d)|[.,]9+(?!\d)|[1-5]"
)
_WRITTEN: Final[Mapping[str, Callable[[datetime], str]]] = {
    "January": lambda at: f"{at:%B}",
    "Jan": lambda at: f"{at:%b}",
    "Monday": lambda at: f"{at:%A}",
    "Mon": lambda at: f"{at:%a}",
    "MST": lambda _: "UTC",
    "2006": lambda at: f"{at.year:04d}",
    "06": lambda at: f"{at:%y}",
    "01": lambda at: f"{at:%m}",
    "1": lambda at: str(at.month),
    "02": lambda at: f"{at:%d}",
    "_2": lambda at: f"{at.day:2d}",
    "2": lambda at: str(at.day),
    "002": lambda at: f"{at:%j}",
    "15": lambda at: f"{at:%H}",
    "03": lambda at: f"{at:%I}",
    "3": lambda at: str((at.hour + 11) % 12 + 1),
    "04": lambda at: f"{at:%M}",
    "4": lambda at: str(at.minute),
    "05": lambda at: f"{at:%S}",
    "5": lambda at: str(at.second),
    "PM": lambda at: "PM" if at.hour >= 12 else "AM",
    "pm": lambda at: "pm" if at.hour >= 12 else "am",
    "Z07:00": lambda _: "Z",
    "Z0700": lambda _: "Z",
    "-07:00": lambda _: "+00:00",
    "-0700": lambda _: "+0000",
    "-07": lambda _: "+00",
}


def formatted(at: datetime, layout: str) -> str:
    """Write a time by Go's layout, the reference time 2006-01-02 15:04:05.

    >>> formatted(datetime(2026, 3, 2, 14, 5, tzinfo=UTC), "Mon 2 Jan, 3:04 PM")
    'Mon 2 Mar, 2:05 PM'
    """

    def part(found: "re.Match[str]") -> str:
        word = found.group()
        if word[0] in ".,":
            digits = f"{at.microsecond:06d}000"[: len(word) - 1]
            kept = digits.rstrip("0") if word[1] == "9" else digits
            return f"{word[0]}{kept}" if kept else ""
        return _WRITTEN[word](at)

    return _LAYOUT.sub(part, layout)


_OF_MOMENT: Final[Mapping[str, tuple[int, Callable[..., Any]]]] = {
    "Day": (0, lambda at: at.day),
    "Format": (1, formatted),
    "Hour": (0, lambda at: at.hour),
    "Minute": (0, lambda at: at.minute),
    "Month": (0, lambda at: f"{at:%B}"),
    "Second": (0, lambda at: at.second),
    "String": (0, lambda at: str(Moment(at))),
    "UTC": (0, Moment),
    "Unix": (0, lambda at: math.floor(at.timestamp())),
    "UnixMilli": (0, lambda at: math.floor(at.timestamp() * 1000)),
    "Weekday": (0, lambda at: f"{at:%A}"),
    "Year": (0, lambda at: at.year),
    "YearDay": (0, lambda at: at.timetuple().tm_yday),
}
_OF_SPAN: Final[Mapping[str, tuple[int, Callable[..., Any]]]] = {
    "Hours": (0, lambda span: span / (3600 * _SECOND)),
    "Milliseconds": (0, lambda span: int(span / 10**6)),
    "Minutes": (0, lambda span: span / (60 * _SECOND)),
    "Seconds": (0, lambda span: span / _SECOND),
    "String": (0, lambda span: str(Span(span))),
}


def call_method(value: Moment | Span, name: str, args: tuple[Any, ...]) -> Any:
    """Call one of Go's methods; raises TemplateError for others, and for other arguments."""
    is_moment = isinstance(value, Moment)
    known, inner = (_OF_MOMENT, value.at) if isinstance(value, Moment) else (
        _OF_SPAN, value.nanoseconds
    )  # fmt: skip
    what = "time" if is_moment else "duration"
    if name not in known:
        raise TemplateError(f"a {what} has no method {name}; known: {', '.join(known)}")
    count, method = known[name]
    if len(args) != count or not all(isinstance(arg, str) for arg in args):
        wanted = "one text" if count else "no arguments"
        raise TemplateError(f"{name} of a {what} takes {wanted}")
    return method(inner, *args)
