"""The names of the language: what each function takes, and which are refused, with the reason."""

from typing import Final

from storage.promql.tree import Kind

SCALAR, TEXT, VECTOR, RANGE = Kind.SCALAR, Kind.TEXT, Kind.VECTOR, Kind.RANGE

_OVER_RANGE = (
    "absent_over_time avg_over_time changes count_over_time delta deriv idelta increase irate "
    "last_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time "
    "stdvar_over_time sum_over_time"
)
_OF_VECTOR = (
    "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad "
    "scalar sgn sin sinh sort sort_desc sqrt tan tanh timestamp"
)
_OF_DATE = "day_of_month day_of_week day_of_year days_in_month hour minute month year"

FUNCTIONS: Final[dict[str, tuple[tuple[Kind, ...], int]]] = {
    **dict.fromkeys(_OVER_RANGE.split(), ((RANGE,), 1)),
    **dict.fromkeys(_OF_VECTOR.split(), ((VECTOR,), 1)),
    **dict.fromkeys(_OF_DATE.split(), ((VECTOR,), 0)),
    "clamp": ((VECTOR, SCALAR, SCALAR), 3),
    "clamp_max": ((VECTOR, SCALAR), 2),
    "clamp_min": ((VECTOR, SCALAR), 2),
    "histogram_quantile": ((SCALAR, VECTOR), 2),
    "label_join": ((VECTOR, TEXT, TEXT, TEXT), 3),
    "label_replace": ((VECTOR, TEXT, TEXT, TEXT, TEXT), 5),
    "pi": ((), 0),
    "predict_linear": ((RANGE, SCALAR), 2),
    "quantile_over_time": ((SCALAR, RANGE), 2),
    "round": ((VECTOR, SCALAR), 1),
    "time": ((), 0),
    "vector": ((SCALAR,), 1),
}
"""Name -> (the types of all arguments, how many of them must be given)."""

AGGREGATIONS: Final[dict[str, Kind | None]] = {
    **dict.fromkeys(("avg", "count", "group", "max", "min", "stddev", "stdvar", "sum")),
    "bottomk": SCALAR,
    "count_values": TEXT,
    "quantile": SCALAR,
    "topk": SCALAR,
}
"""Name -> the type of its parameter, if it takes one."""

_NOT_STABLE = (
    "double_exponential_smoothing end first_over_time info limit_ratio limitk mad_over_time "
    "max_of min_of range start step ts_of_first_over_time ts_of_last_over_time "
    "ts_of_max_over_time ts_of_min_over_time"
)
_EXPERIMENTAL = "is experimental in Prometheus and not supported"
_NATIVE = "needs native histograms, which are not stored; for classic buckets use"

REFUSED: Final[dict[str, str]] = {
    **dict.fromkeys(_NOT_STABLE.split(), _EXPERIMENTAL),
    **dict.fromkeys(
        ("sort_by_label", "sort_by_label_desc"), f"{_EXPERIMENTAL}; sort() sorts by value"
    ),
    "holt_winters": (
        "was removed in Prometheus 3, and its successor is experimental; "
        "predict_linear() or avg_over_time() may serve"
    ),
    "histogram_avg": f"{_NATIVE} x_sum / x_count",
    "histogram_count": f"{_NATIVE} x_count",
    "histogram_fraction": f"{_NATIVE} x_bucket{{le=...}} / x_count",
    "histogram_quantiles": f"{_EXPERIMENTAL}; use histogram_quantile() once for each quantile",
    "histogram_stddev": f"{_NATIVE} histogram_quantile()",
    "histogram_stdvar": f"{_NATIVE} histogram_quantile()",
    "histogram_sum": f"{_NATIVE} x_sum",
}
"""Name -> why there will be no answer; better none than a wrong one."""


def arguments(name: str, given: int) -> tuple[tuple[Kind, ...], int]:
    """Return the types of the arguments of `name`, and how many must be given.

    label_join alone takes any number: its last type is repeated up to `given`.
    """
    kinds, needed = FUNCTIONS[name]
    if name == "label_join" and given > len(kinds):
        kinds += (TEXT,) * (given - len(kinds))
    return kinds, needed
