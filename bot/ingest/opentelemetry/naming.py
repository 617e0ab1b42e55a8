"""OpenTelemetry's names -> Prometheus' names: `http.server.duration` in `s` becomes
`http_server_duration_seconds`.

By the rules of Prometheus' own OTLP receiver with its default translation strategy
(UnderscoreEscapingWithSuffixes), so that dashboards and rules written for one work with the other.
Source: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility"; Prometheus'
module otlptranslator.
"""

import re
from functools import lru_cache

UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
"""UCUM -> the word in a name. `tibibytes` is Prometheus' own spelling, kept for its sake."""
PER = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}


@lru_cache(maxsize=8_192)
def metric_name(name: str, unit: str, *, is_counter: bool = False, is_gauge: bool = False) -> str:
    """Return the name of the metric; empty where nothing of the name can stay.

    is_counter: a monotonic sum, which ends in `_total`.  is_gauge: unit `1` makes it a `_ratio`.

    >>> metric_name("system.network.io", "By/s", is_counter=True)
    'system_network_io_bytes_per_second_total'
    """
    words = re.findall(r"[a-zA-Z0-9:]+", name)
    main, per = _unit_words(unit)
    words += [word for word in (main, per) if word and word not in words]
    if is_counter:
        words = [*(word for word in words if word != "total"), "total"]
    if is_gauge and unit == "1":
        words = [*(word for word in words if word != "ratio"), "ratio"]
    joined = "_".join(words) if re.search(r"[a-zA-Z0-9:]", name) else ""
    return f"_{joined}" if joined[:1].isdigit() else joined


@lru_cache(maxsize=8_192)
def label_name(key: str) -> str:
    """Return the name of the label that an attribute becomes.

    >>> label_name("http.method"), label_name("2nd"), label_name("_private")
    ('http_method', 'key_2nd', 'key_private')
    """
    name = re.sub(r"[^a-zA-Z0-9_]", "_", key)
    if name[:1].isdigit():
        return f"key_{name}"
    return f"key{name}" if name.startswith("_") and not name.startswith("__") else name


@lru_cache(maxsize=1_024)
def _unit_words(unit: str) -> tuple[str, str]:
    """Return what a unit adds to a name: `By/s` -> ("bytes", "per_second")."""
    main, _, per = (part.strip() for part in unit.partition("/"))
    is_noted = [bool(part) and not set(part) & set("{}") for part in (main, per)]
    main_word = _cleaned(UNITS.get(main, main)) if is_noted[0] else ""
    per_word = _cleaned(f"per_{PER.get(per, per)}").rstrip("_") if is_noted[1] else ""
    if per_word == "per":
        per_word = ""
    return main_word.rstrip("_") if per_word else main_word, per_word


def _cleaned(word: str) -> str:
    return re.sub(r"[^a-zA-Z0-9:]+", "_", word).removeprefix("_")
