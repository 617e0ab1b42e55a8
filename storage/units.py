"""Durations (`5m`), percentages (`99.9%`) and byte sizes (`2GiB`): text <-> number."""

import re
from datetime import timedelta

_MILLISECONDS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_DURATION = re.compile("".join(rf"(?:(?P<{u}>[0-9]{{1,12}}){u})?" for u in _MILLISECONDS))
_LONGEST = timedelta(days=100 * 365)
_BYTES = re.compile(r"([0-9]{1,15})\s*([kKMGT]?)(i?)B?")
_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")


def parse_duration(text: str) -> timedelta:
    """Read a duration as Prometheus writes it; raises ValueError with a sentence that helps.

    Units y w d h m s ms, the larger first, each once; `0` needs none. A year has 365 days.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    written = text.strip()
    if written == "0":
        return timedelta(0)
    found = _DURATION.fullmatch(written)
    if not found or not written:
        raise ValueError(_duration_hint(written))
    total = sum(int(n) * _MILLISECONDS[u] for u, n in found.groupdict().items() if n)
    if total > _LONGEST // timedelta(milliseconds=1):
        raise ValueError(f"{written!r} is longer than 100 years")
    return timedelta(milliseconds=total)


def _duration_hint(written: str) -> str:
    """Say what is wrong with a text that is no duration."""
    right = "a duration such as 30s, 5m, 1h30m, 7d"
    if re.fullmatch(r"[0-9]{1,12}", written):
        return f"{written!r} has no unit; expected {right} (did you mean '{written}s'?)"
    if re.fullmatch(r"[0-9]{1,6}\.[0-9]+\s*[a-z]+", written):
        return f"{written!r} has a fraction; expected {right} (1h30m for 1.5h)"
    if re.fullmatch(r"-.+", written):
        return f"{written!r} is negative; expected {right}"
    compact = re.sub(r"\s+", "", written).lower()
    compact = re.sub(r"(?<=[0-9])(sec|min|hour|day|week)[a-z]*", lambda m: m[1][0], compact)
    close = f" (did you mean {compact!r}?)" if compact and _DURATION.fullmatch(compact) else ""
    return f"{written[:40]!r} is not a duration; expected {right}{close}"


def format_duration(span: timedelta) -> str:
    """Write a duration so that `parse_duration` reads it: `1h30m`, `0s`; whole milliseconds.

    Weeks and years are written as days, as they are easier to compare.
    """
    left = span // timedelta(milliseconds=1)
    if left < 0:
        return f"-{format_duration(-span)}"
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, _MILLISECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def human_duration(span: timedelta) -> str:
    """Write a duration for people, the two largest units: `2 h 5 min`, `40 s`, `3 d`.

    >>> human_duration(timedelta(hours=2, minutes=5, seconds=10))
    '2 h 5 min'
    """
    seconds = round(abs(span.total_seconds()))
    if seconds < 60 and span and abs(span) < timedelta(seconds=1):
        return f"{abs(span) // timedelta(milliseconds=1)} ms"
    sizes = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    first = next((i for i, (size, _) in enumerate(sizes) if seconds >= size), len(sizes) - 1)
    parts: list[str] = []
    for size, unit in sizes[first : first + 2]:
        count, seconds = divmod(seconds, size)
        if count or not parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts)


def parse_bytes(text: str) -> int:
    """Read a size in bytes: `512MiB`, `2GB`, `100k`; raises ValueError with a sentence.

    `KiB MiB GiB TiB` count by 1024, `kB MB GB TB` by 1000.

    >>> parse_bytes("2KiB"), parse_bytes("2kB")
    (2048, 2000)
    """
    found = _BYTES.fullmatch(text.strip())
    if not found or (found[3] and not found[2]):
        raise ValueError(f"{text[:40]!r} is not a size; expected one such as 512MiB or 20GB")
    return int(found[1]) * int((1024 if found[3] else 1000) ** _POWERS[found[2]])


def human_bytes(size: int) -> str:
    """Write a size for people: `1.5 GiB`, `640 B`."""
    amount, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if abs(amount) < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.1f}".removesuffix(".0") + f" {unit}"


def parse_percent(text: str) -> float:
    """Read `99.9%` as 0.999, and a plain fraction (`0.999`) as itself; within [0, 1].

    Raises ValueError with a sentence that helps.
    """
    written = text.strip()
    number = written.removesuffix("%").rstrip()
    if not _NUMBER.fullmatch(number):
        raise ValueError(f"{written[:40]!r} is not a percentage; expected one such as 99.9%")
    share = float(number) / 100 if written.endswith("%") else float(number)
    if share > 1:
        hint = "" if written.endswith("%") else f" (did you mean '{written}%'?)"
        raise ValueError(f"{written!r} is more than 100%; expected a share up to 100%{hint}")
    return share


def format_percent(share: float) -> str:
    """Write a share as people say it, up to three decimals: 0.999 -> `99.9%`."""
    return f"{share * 100:.3f}".rstrip("0").rstrip(".") + "%"
