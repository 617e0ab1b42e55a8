"""Kinds of values in the configuration: each reads what a person wrote, or says what is right."""

import re
from dataclasses import dataclass
from datetime import time, timedelta
from difflib import get_close_matches
from glob import glob
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from bot.config.mail_address import parse_mail_address
from bot.config.phone import parse_phone
from bot.config.secret import Secret
from storage.errors import QueryError
from storage.model.labels import Matcher, MatchOp
from storage.units import parse_bytes, parse_duration


def _written(value: Any, expected: str) -> str:
    """Return `value` if it is a text; raises ValueError naming what was expected."""
    if not isinstance(value, str):
        raise ValueError(f"expected {expected}")  # noqa: TRY004  pydantic wants a ValueError
    return value.strip()


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    return parse_duration(_written(value, "a duration such as 30s, 5m, 1h30m, 7d"))


def _positive(span: timedelta) -> timedelta:
    if span <= timedelta(0):
        raise ValueError("found no time at all; expected a duration longer than 0s")
    return span


def _size(value: Any) -> int:
    return value if type(value) is int else parse_bytes(_written(value, "a size such as 512MiB"))


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    guess = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(word)
    hint = f" (did you mean {guess}?)" if guess else ""
    raise ValueError(f"expected true or false{hint}")


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_LISTEN = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[A-Za-z0-9.-]*)):(?P<port>[0-9]+)")


def _listen(value: Any) -> Listen:
    if isinstance(value, Listen):
        return value
    expected = "an address and a port such as 127.0.0.1:9099 or [::1]:9099"
    found = _LISTEN.fullmatch(_written(value, expected))
    if not found:
        raise ValueError(f"expected {expected}")
    return Listen(found["six"] or found["host"] or "0.0.0.0", parse_port(found["port"]))


def parse_port(text: str) -> int:
    """Read a TCP port; raises ValueError. 0 lets the system choose."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65_535:
        raise ValueError("expected a port number from 0 to 65535")
    return int(text)


def _url(value: Any) -> str:
    written = _written(value, "an address such as https://tocsin.example.com")
    try:
        parts = urlsplit(written)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\s<>\"]", written):
        raise ValueError("expected an http or https address such as https://tocsin.example.com")
    return written.rstrip("/")


_QUOTED = r'"(?:[^"\\]|\\.)*"'
_MATCHER = re.compile(
    rf"""\s*({_QUOTED}|[^\s{{}}!=~,\\"'`]+)\s*(=~|!~|!=|=)\s*({_QUOTED}|[^\s"]+)\s*""", re.DOTALL
)
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


def parse_matcher(text: str) -> Matcher:
    r"""Read `severity="critical"`, `team!="shop"`, `job=~"api\d+"`; raises ValueError.

    As in Alertmanager: a name of any letters may stand in quotes, and a backslash before any but
    a quote, a backslash and an n stands for itself: patterns are full of them.
    """
    found = _MATCHER.fullmatch(text)
    if not found:
        raise ValueError(
            f"found {text[:80]!r}; expected a matcher such as "
            'severity="critical", team!="shop" or job=~"api|web"'
        )
    name, op, value = _plain(found[1]), found[2], _plain(found[3])
    if not name:
        raise ValueError(f"found {text[:80]!r}; expected the name of a label in front")
    try:
        return Matcher(name, MatchOp(op), value)
    except QueryError as error:
        raise ValueError(f"{error}; expected a pattern in RE2's dialect") from error


def _plain(written: str) -> str:
    """Take the quotes off a text that has them."""
    if not written.startswith('"'):
        return written
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), written[1:-1], flags=re.DOTALL)


def _matcher(value: Any) -> Matcher:
    return parse_matcher(_written(value, 'a matcher such as severity="critical"'))


def _phone(value: Any) -> str:
    return parse_phone(_written(value, "a phone number such as +49 30 901820"))


def _mail(value: Any) -> str:
    return parse_mail_address(_written(value, "an e-mail address such as ada@example.com"))


def _under(path: Path, info: ValidationInfo) -> Path:
    return info.context["folder"] / path if info.context else path


def _database(value: Secret, info: ValidationInfo) -> Secret:
    """Let a plain file stand in the configuration's folder; an address stays as it is."""
    if "://" in value.reveal() or not info.context:
        return value
    return Secret(str(info.context["folder"] / value.reveal()))


def _files(value: Any, info: ValidationInfo) -> tuple[Path, ...]:
    written = _written(value, "a file or a pattern such as rules/*.yaml")
    folder = info.context["folder"] if info.context else Path()
    found = tuple(folder / name for name in sorted(glob(written, root_dir=folder, recursive=True)))
    if not any(path.is_file() for path in found):
        raise ValueError(
            f"no file matches {written!r} in {folder.absolute()}; "
            "expected a file or a pattern such as rules/*.yaml"
        )
    return tuple(path for path in found if path.is_file())


@dataclass(frozen=True, slots=True)
class Span:
    """From a time of day to another; raises ValueError where they are the same."""

    start: time
    end: time

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ValueError("found no time at all; expected two different times of day")


_HOURS = re.compile(r"([0-9:]+)\s*-\s*([0-9:]+)")


def _hours(value: Any) -> Span:
    if isinstance(value, Span):
        return value
    expected = "hours such as 22:00-07:00"
    found = _HOURS.fullmatch(_written(value, expected))
    if not found:
        raise ValueError(f"expected {expected}")
    return Span(_clock_time(found[1]), _clock_time(found[2]))


_CLOCK_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])|24:00")


def _clock_time(value: Any) -> time:
    if isinstance(value, time):
        return value
    found = _CLOCK_TIME.fullmatch(_written(value, "a time of day such as 22:00"))
    if not found:
        raise ValueError("expected a time of day such as 22:00")
    return time(int(found[1] or 0), int(found[2] or 0))


def _zone(value: Any) -> str:
    written = _written(value, "a time zone such as Europe/Berlin")
    try:
        ZoneInfo(written)
    except (KeyError, ValueError, OSError) as error:
        close = get_close_matches(written, available_timezones(), n=1)
        hint = f"did you mean {close[0]}?" if close else "expected one such as Europe/Berlin"
        raise ValueError(f"no time zone is called {written[:40]!r}; {hint}") from error
    return written


def _one_entry(value: dict[str, str]) -> dict[str, str]:
    if len(value) != 1:
        raise ValueError("expected one channel and its room, such as {slack: C0123456789}")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
PositiveDuration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive)]
Size = Annotated[int, BeforeValidator(_size)]
Switch = Annotated[bool, BeforeValidator(_switch)]
ListenAddress = Annotated[Listen, BeforeValidator(_listen)]
Url = Annotated[str, BeforeValidator(_url)]
MatcherText = Annotated[Matcher, BeforeValidator(_matcher)]
Folder = Annotated[Path, AfterValidator(_under)]
"""A path; relative ones start at the folder of the configuration file."""
Files = Annotated[tuple[Path, ...], BeforeValidator(_files)]
"""The files that a pattern finds, at least one, relative to the configuration file's folder."""
DatabaseAddress = Annotated[Secret, AfterValidator(_database)]
MailAddress = Annotated[str, BeforeValidator(_mail)]
ClockTime = Annotated[time, BeforeValidator(_clock_time)]
HoursText = Annotated[Span, BeforeValidator(_hours)]
"""`22:00-07:00`; 24:00 is midnight."""
TimeZone = Annotated[str, BeforeValidator(_zone)]
PhoneNumber = Annotated[str, BeforeValidator(_phone)]
RoomAddress = Annotated[dict[str, str], AfterValidator(_one_entry)]
