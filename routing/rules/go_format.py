"""Numbers and texts as Go's `fmt` writes them: what rule files written for Prometheus rely on.

Source: Go 1.22, fmt/print.go, fmt/format.go, strconv/ftoa.go, strconv/quote.go; the verbs
v T t d b o x X c q U s e E f F g G with flags, width and precision, without `*` and `[n]`.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

WIDEST: Final = 1_000
"""A wider field or a longer precision is cut to this: output has a limit."""

_VERB = re.compile(
    r"%(?P<flags>[+\-# 0]*)(?P<width>\d{1,9})?(?P<dot>\.(?P<precision>\d{0,9}))?(?P<verb>.)?", re.S
)
_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}
_TYPES = {bool: "bool", int: "int", float: "float64", str: "string", type(None): "<nil>"}
_BASES = {"d": "d", "b": "b", "o": "o", "x": "x", "X": "X"}


@dataclass(frozen=True, slots=True)
class Spec:
    """One `%` directive: flags, width and precision (None where not given), verb."""

    flags: str
    width: int
    precision: int | None
    verb: str


def shortest(value: float) -> str:
    """Write a float as Go's `%v` does: the fewest digits that say it exactly.

    >>> shortest(1234567.0), shortest(0.25), shortest(100000.0), shortest(1e-05)
    ('1.234567e+06', '0.25', '100000', '1e-05')
    """
    if odd := _not_finite(value):
        return odd
    if value == 0:
        return "-0" if math.copysign(1.0, value) < 0 else "0"
    exact = Decimal(repr(value)).normalize()
    sign, digits, _ = exact.as_tuple()
    power = exact.adjusted()
    if -4 <= power < 6:
        return format(exact, "f")
    tail = "".join(map(str, digits[1:]))
    point = "." if tail else ""
    return f"{'-' if sign else ''}{digits[0]}{point}{tail}e{power:+03d}"


def shown(value: Any) -> str:
    """Write any value of a template as Go prints it (`%v`)."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return shortest(value)
        case str() | int():
            return str(value)
        case Mapping():
            return f"map[{' '.join(f'{key}:{shown(value[key])}' for key in sorted(value))}]"
        case Sequence():
            return f"[{' '.join(map(shown, value))}]"
    return str(value)


def printf(layout: str, values: Sequence[Any]) -> str:
    """Write `values` as `layout` says; what does not fit is written as Go writes it.

    >>> printf("%.2f%% of %s", [12.345, "disk"]), printf("%d", [1.5])
    ('12.35% of disk', '%!d(float64=1.5)')
    """
    left = list(values)

    def directive(found: "re.Match[str]") -> str:
        verb = found["verb"]
        if verb is None:
            return "%!(NOVERB)"
        if verb == "%":
            return "%"
        if not left:
            return f"%!{verb}(BADINDEX)" if verb in "*[" else f"%!{verb}(MISSING)"
        precision = int(found["precision"] or 0) if found["dot"] else None
        width = min(int(found["width"] or 0), WIDEST)
        if precision is not None:
            precision = min(precision, WIDEST)
        return _write(Spec(found["flags"], width, precision, verb), left.pop(0))

    text = _VERB.sub(directive, layout)
    if left:
        rest = ", ".join(f"{_type(value)}={shown(value)}" for value in left)
        text += f"%!(EXTRA {rest})"
    return text


def _write(spec: Spec, value: Any) -> str:
    if spec.verb == "T":
        return _padded(spec, _type(value))
    if spec.verb == "v":
        return _padded(spec, _plain(spec, value))
    match value:
        case bool() if spec.verb == "t":
            return _padded(spec, shown(value))
        case int() if not isinstance(value, bool) and spec.verb in "dboxXcqU":
            return _padded(spec, _integer(spec, value), number=spec.verb not in "cqU")
        case float() if spec.verb in "eEfFgGxX":
            return _padded(spec, _float(spec, value), number=math.isfinite(value))
        case str() if spec.verb in "sqxX":
            return _padded(spec, _string(spec, value))
    return f"%!{spec.verb}({_type(value)}={shown(value)})"


def _plain(spec: Spec, value: Any) -> str:
    if isinstance(value, float):
        return _float(Spec(spec.flags, spec.width, spec.precision, "g"), value)
    text = shown(value)
    return text if spec.precision is None or not isinstance(value, str) else text[: spec.precision]


def _integer(spec: Spec, value: int) -> str:
    match spec.verb:
        case "c":
            return chr(value) if 0 <= value <= 0x10FFFF else "\ufffd"
        case "q":
            return f"'{chr(value)}'" if 0 <= value <= 0x10FFFF else "'\ufffd'"
        case "U":
            return f"U+{value:04X}"
    digits = format(abs(value), _BASES[spec.verb]).rjust(spec.precision or 0, "0")
    if "#" in spec.flags:
        digits = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}.get(spec.verb, "") + digits
    return _sign(spec, value < 0) + digits


def _float(spec: Spec, value: float) -> str:
    if odd := _not_finite(value):
        return odd
    negative = math.copysign(1.0, value) < 0
    if spec.verb in "xX":
        text = _hexadecimal(abs(value))
        text = text.upper() if spec.verb == "X" else text
    elif spec.verb in "gG" and spec.precision is None:
        text = shortest(abs(value))
        text = text.upper() if spec.verb == "G" else text
    else:
        precision = 6 if spec.precision is None else spec.precision
        text = f"{abs(value):.{precision}{spec.verb}}"
    return _sign(spec, negative) + text


def _hexadecimal(value: float) -> str:
    mantissa, power = value.hex().removeprefix("0x").split("p")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"0x{mantissa}p{int(power):+03d}"


def _string(spec: Spec, value: str) -> str:
    text = value if spec.precision is None else value[: spec.precision]
    if spec.verb == "q":
        return quoted(text)
    if spec.verb in "xX":
        digits = text.encode().hex()
        return digits.upper() if spec.verb == "X" else digits
    return text


def quoted(text: str) -> str:
    r"""Quote as Go does: `"a\nb"`; what cannot be printed is written by its number."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return ""


def _sign(spec: Spec, negative: bool) -> str:
    if negative:
        return "-"
    return "+" if "+" in spec.flags else " " if " " in spec.flags else ""


def _padded(spec: Spec, text: str, *, number: bool = False) -> str:
    if "-" in spec.flags:
        return text.ljust(spec.width)
    if "0" in spec.flags and number:
        sign = text[0] if text[:1] in {"+", "-", " "} else ""
        return sign + text[len(sign) :].rjust(spec.width - len(sign), "0")
    return text.rjust(spec.width)


def _type(value: Any) -> str:
    return _TYPES.get(type(value), "map[string]string" if isinstance(value, Mapping) else "list")
