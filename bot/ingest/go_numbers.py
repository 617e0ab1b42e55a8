"""Numbers as Go writes them, where they stand in labels (`le`, `quantile`)."""

import math
from decimal import Decimal

EXPONENT_FROM = 6
"""Go's `g` writes 123456 out and 1234567 with an exponent, when it may choose the digits."""


def written_out(value: float) -> str:
    """Write as Go's `strconv.FormatFloat(value, 'f', -1, 64)`: never with an exponent.

    >>> written_out(5.0), written_out(0.005), written_out(1e21), written_out(math.inf)
    ('5', '0.005', '1000000000000000000000', '+Inf')
    """
    if not math.isfinite(value):
        return _special(value)
    return format(Decimal(repr(value)).normalize(), "f")


def openmetrics(value: float) -> str:
    """Write as OpenMetrics wants `le` and `quantile`: always to be seen as a float.

    >>> openmetrics(1.0), openmetrics(0.99), openmetrics(1234567.0), openmetrics(1e-9)
    ('1.0', '0.99', '1.234567e+06', '1e-09')
    """
    if not math.isfinite(value):
        return _special(value)
    digits, exponent = _shortest(value)
    if value and not -4 <= exponent < EXPONENT_FROM:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{'-' if value < 0 else ''}{mantissa}e{exponent:+03d}"
    text = written_out(value)
    return text if "." in text else f"{text}.0"


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _shortest(value: float) -> tuple[str, int]:
    """Return the fewest digits that mean `value`, and the decimal exponent of the first."""
    number = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, number.digits))
    assert isinstance(number.exponent, int)
    return digits, number.exponent + len(digits) - 1
