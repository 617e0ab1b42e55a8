"""Floats as Go writes them: templates, label values and the HTTP API need them to the letter."""

from decimal import Decimal
from math import isinf, isnan


def general(value: float) -> str:
    """Write as Go's `FormatFloat(value, 'g', -1, 64)`: what `{{ $value }}` prints.

    >>> general(1500000.0), general(0.25), general(1e-05)
    ('1.5e+06', '0.25', '1e-05')
    """
    if special := _special(value):
        return special
    exponent = Decimal(repr(value)).adjusted() if value else 0
    return plain(value) if -4 <= exponent < 6 else scientific(value)


def plain(value: float) -> str:
    """Write all digits and no exponent: Go's `FormatFloat(value, 'f', -1, 64)`.

    >>> plain(1e21), plain(0.00001)
    ('1000000000000000000000', '0.00001')
    """
    if special := _special(value):
        return special
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa.removesuffix(".0")
    sign, digits = "-" if value < 0 else "", mantissa.lstrip("-").replace(".", "")
    before = int(exponent) + 1  # how many digits stand before the point; Python's `e` is from 1e16
    return (
        f"{sign}{digits.ljust(before, '0')}" if before > 0 else f"{sign}0.{'0' * -before}{digits}"
    )


def scientific(value: float) -> str:
    """Write with an exponent of two digits at least: Go's `FormatFloat(value, 'e', -1, 64)`.

    >>> scientific(1500000.0), scientific(0.0)
    ('1.5e+06', '0e+00')
    """
    if special := _special(value):
        return special
    if "e" in (short := repr(value)):
        return short
    sign, digits, _ = Decimal(short).as_tuple()
    text = "".join(map(str, digits)).rstrip("0") or "0"
    exponent = Decimal(repr(value)).adjusted() if value else 0
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{'-' if sign else ''}{text[0]}{fraction}e{exponent:+03d}"


def in_json(value: float) -> str:
    """Write as Prometheus' HTTP API does: plain between 1e-6 and 1e21, else with an exponent.

    >>> in_json(1e9), in_json(1e21), in_json(float("inf"))
    ('1000000000', '1e+21', '+Inf')
    """
    if special := _special(value):
        return special
    return plain(value) if value == 0 or 1e-6 <= abs(value) < 1e21 else scientific(value)


def _special(value: float) -> str:
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return ""
