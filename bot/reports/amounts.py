"""Amounts for people: three figures that count, and the unit they are in."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from math import isfinite, isnan, log2, log10

ABSENT = "-"
_LARGE = ("", "k", "M", "G", "T", "P", "E")
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


class Unit(StrEnum):
    """What a number counts. RATIO: 1 is all of it.  CORES: 1 is one processor, all of the time."""

    PER_SECOND = "per second"
    SECONDS = "seconds"
    RATIO = "share"
    BYTES = "bytes"
    BYTES_PER_SECOND = "bytes per second"
    CORES = "cores"
    PLAIN = ""


def amount(value: float, unit: Unit) -> str:
    """Write a value: `42.1/s`, `180 ms`, `0.12 %`, `512 MiB`; `-` where there is none.

    >>> amount(0.0123, Unit.RATIO), amount(1e12, Unit.PER_SECOND), amount(0, Unit.SECONDS)
    ('1.23 %', '1 T/s', '0 s')
    """
    if isnan(value):
        return ABSENT
    if not isfinite(value):
        return "infinite" if value > 0 else "-infinite"
    match unit:
        case Unit.RATIO:
            return f"{_three(value * 100)} %"
        case Unit.SECONDS:
            return _seconds(value)
        case Unit.BYTES:
            return _scaled(value, 1024.0, _BYTES)
        case Unit.BYTES_PER_SECOND:
            return _scaled(value, 1024.0, _BYTES) + "/s"
        case Unit.PER_SECOND:
            return _scaled(value, 1000.0, _LARGE).strip() + "/s"
        case _:
            return _scaled(value, 1000.0, _LARGE).strip()


def change(now: float, before: float, unit: Unit) -> str:
    """Say how `now` differs: `+11 %`; of shares, in points: `+0.4 pt`; `new` where there was none.

    >>> change(110, 100, Unit.BYTES), change(0.03, 0.01, Unit.RATIO), change(5, 0, Unit.CORES)
    ('+10 %', '+2 pt', 'from 0')
    """
    if isnan(before) or isnan(now):
        return ABSENT
    if now == before:
        return "same"
    if unit is Unit.RATIO:
        return _signed((now - before) * 100) + " pt"
    if before == 0 or not isfinite(now) or not isfinite(before):
        return f"from {amount(before, Unit.PLAIN)}"
    share = (now - before) / abs(before) * 100
    return f"x {_three(now / before)}" if share >= 900 else _signed(share) + " %"


def scale(unit: Unit, values: Iterable[float]) -> tuple[float, str]:
    """Return what to multiply values with so that people read them, and their unit then.

    >>> scale(Unit.SECONDS, [0.2, 0.5]), scale(Unit.RATIO, [0.1]), scale(Unit.BYTES, [2.0**31])
    ((1000.0, 'ms'), (100.0, '%'), (9.313225746154785e-10, 'GiB'))
    """
    largest = max((abs(value) for value in values if isfinite(value)), default=0.0)
    match unit:
        case Unit.RATIO:
            return 100.0, "%"
        case Unit.SECONDS:
            return (1000.0, "ms") if largest < 2 else (1.0, "s")
        case Unit.BYTES | Unit.BYTES_PER_SECOND:
            power = min(len(_BYTES) - 1, int(log2(largest) // 10)) if largest >= 1024 else 0
            per = "/s" if unit is Unit.BYTES_PER_SECOND else ""
            return 1 / 1024.0**power, _BYTES[power] + per
        case _:
            return 1.0, unit.value


def _signed(value: float) -> str:
    if abs(value) < 0.005:
        return "±0"
    whole = f"{value:+.0f}" if 10 <= abs(value) < 1e6 else f"{value:+.2g}"
    return whole.replace("-", "\N{MINUS SIGN}")


def _seconds(value: float) -> str:
    if value == 0:
        return "0 s"
    for size, name in _TIMES:
        if abs(value) >= size * 0.9995:
            return f"{_three(value / size)} {name}"
    return f"{value:.2g} s"


def _scaled(value: float, base: float, names: Sequence[str]) -> str:
    power = 0
    while abs(value) >= base * 0.9995 and power < len(names) - 1:
        value, power = value / base, power + 1
    return f"{_three(value)} {names[power]}"


def _three(value: float) -> str:
    """Write three figures that count, without an exponent where that is readable."""
    if value == 0:
        return "0"
    size = abs(value)
    if size < 0.001 or size >= 1e6:
        return f"{value:.2g}"
    text = f"{value:.{min(max(0, 2 - int(log10(size) // 1)), 3)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
