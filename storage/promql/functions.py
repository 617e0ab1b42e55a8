"""The names of the language: what is answered, and what is refused, with the reason.

Number and types of arguments are checked by the parser, which knows the same names.
"""

from typing import Final

_MATHS = (
    "abs acos acosh asin asinh atan atanh ceil clamp clamp_max clamp_min cos cosh deg exp floor "
    "ln log10 log2 pi rad round sgn sin sinh sqrt tan tanh"
)
_TIMES = "day_of_month day_of_week day_of_year days_in_month hour minute month time timestamp year"
_RANGES = (
    "absent_over_time avg_over_time changes count_over_time delta deriv idelta increase irate "
    "last_over_time max_over_time min_over_time predict_linear present_over_time "
    "quantile_over_time rate resets stddev_over_time stdvar_over_time sum_over_time"
)
_OTHERS = (
    "absent histogram_fraction histogram_quantile label_join label_replace scalar sort sort_desc "
    "vector"
)

FUNCTIONS: Final = frozenset(f"{_MATHS} {_TIMES} {_RANGES} {_OTHERS}".split())

_AGGREGATIONS = "avg bottomk count count_values group max min quantile stddev stdvar sum topk"
AGGREGATIONS: Final = frozenset(_AGGREGATIONS.split())

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
    "histogram_quantiles": f"{_EXPERIMENTAL}; use histogram_quantile() once for each quantile",
    "histogram_stddev": f"{_NATIVE} histogram_quantile()",
    "histogram_stdvar": f"{_NATIVE} histogram_quantile()",
    "histogram_sum": f"{_NATIVE} x_sum",
}
"""Name -> why there will be no answer; better none than a wrong one."""
