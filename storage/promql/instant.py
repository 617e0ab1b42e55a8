"""Functions that look at one value at a time: mathematics, clamping, the calendar."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from storage.model.sample import Bools, Floats

Elementwise = Callable[[Floats], Floats]

OF_VALUE: Final[Mapping[str, Elementwise]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": np.degrees,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": np.radians,
    "sgn": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}
"""Mathematics, by name."""


def rounded(values: Floats, nearest: Floats) -> Floats:
    """Round to the nearest multiple of `nearest` (steps,); ties go up, as in Prometheus."""
    inverse = 1.0 / nearest
    return np.asarray(np.floor(values * inverse + 0.5) / inverse)


def clamped(values: Floats, low: Floats, high: Floats) -> Floats:
    """Bring values between `low` and `high` (steps,); NaN stays NaN, or comes from a bound."""
    return np.maximum(low, np.minimum(high, values))


def can_clamp(low: Floats, high: Floats) -> Bools:
    """Say at which steps the bounds leave room; elsewhere `clamp` answers with nothing."""
    return ~(low > high)


def _days(values: Floats) -> Floats:
    return np.floor(values / 86400.0)


def _whole(values: Floats) -> Floats:
    """Cut off the fraction as Go does when it turns a float into Unix seconds."""
    return np.trunc(values)


def _dated(values: Floats) -> tuple[npt.NDArray[np.datetime64], Bools]:
    """Return the calendar day of each time, and which of them numpy can date at all."""
    sound = np.isfinite(values) & (np.abs(values) < 8.0e15)
    days = _days(np.where(sound, _whole(values), 0.0)).astype("datetime64[D]")
    return days, sound


def _part(values: Floats, unit: str, since: str) -> Floats:
    days, sound = _dated(values)
    found = (days.astype(f"datetime64[{unit}]") - days.astype(f"datetime64[{since}]")).astype(float)
    return np.where(sound, found, np.nan)


def year(values: Floats) -> Floats:
    """Return the year, UTC."""
    days, sound = _dated(values)
    return np.where(sound, days.astype("datetime64[Y]").astype(float) + 1970, np.nan)


def month(values: Floats) -> Floats:
    """Return the month, 1 to 12."""
    return _part(values, "M", "Y") + 1


def day_of_month(values: Floats) -> Floats:
    """Return the day of the month, from 1."""
    return _part(values, "D", "M") + 1


def day_of_year(values: Floats) -> Floats:
    """Return the day of the year, from 1."""
    return _part(values, "D", "Y") + 1


def day_of_week(values: Floats) -> Floats:
    """Return the day of the week, Sunday is 0; 1 January 1970 was a Thursday."""
    return np.mod(_days(_whole(values)) + 4, 7)


def days_in_month(values: Floats) -> Floats:
    """Return how many days the month has."""
    days, sound = _dated(values)
    months = days.astype("datetime64[M]")
    length = (months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")
    return np.where(sound, length.astype(float), np.nan)


def hour(values: Floats) -> Floats:
    """Return the hour of the day, UTC."""
    return np.floor(np.mod(_whole(values), 86400.0) / 3600.0)


def minute(values: Floats) -> Floats:
    """Return the minute of the hour, UTC."""
    return np.floor(np.mod(_whole(values), 3600.0) / 60.0)


OF_TIME: Final[Mapping[str, Elementwise]] = {
    "day_of_month": day_of_month,
    "day_of_week": day_of_week,
    "day_of_year": day_of_year,
    "days_in_month": days_in_month,
    "hour": hour,
    "minute": minute,
    "month": month,
    "year": year,
}
"""The calendar, by name; each takes Unix seconds."""
