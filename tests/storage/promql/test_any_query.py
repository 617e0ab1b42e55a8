"""Queries put together at random: an answer or a QueryError, and ranges agree with instants."""

import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.errors import QueryError
from storage.promql.evaluate import Grid
from storage.promql.functions import AGGREGATIONS
from storage.promql.instant import OF_TIME, OF_VALUE
from storage.promql.over_time import OF_WINDOW
from storage.promql.values import Matrix, Vector
from tests.storage.promql import twin
from tests.storage.promql.memory import Memory
from tests.storage.promql.test_against_twin import by_step, data, grids, moments

ARITHMETIC = ["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<", ">=", "<="]
MATCHING = ["", "on (job)", "ignoring (host)", "on (job, host)"]
SIMPLE = sorted(AGGREGATIONS - {"topk", "bottomk", "quantile", "count_values"})
one_of = st.sampled_from
numbers = one_of(["1", "0.5", "-2", "NaN", "time()", "scalar(m)", "Inf"])
ranges = one_of(
    ["m[5m]", "m[60s] offset 30s", "n[10m] @ 700", "m[5m:1m]", "sum by (job) (n)[5m:37s]"]
)
leaves = one_of(['m{job="a"}', "m", "n", "n offset 1m", "m @ 900", "vector(1)"])


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}({})".format, one_of(sorted({*OF_VALUE, *OF_TIME})), inner),
        st.builds("{}({})".format, one_of(sorted(OF_WINDOW)), ranges),
        st.builds("quantile_over_time({}, {})".format, numbers, ranges),
        st.builds("predict_linear({1}, {0})".format, numbers, ranges),
        st.builds("clamp({}, {}, {})".format, inner, numbers, numbers),
        st.builds("round({}, {})".format, inner, numbers),
        st.builds("{} {} (job) ({})".format, one_of(SIMPLE), one_of(["by", "without"]), inner),
        st.builds("{} by (job) ({}, {})".format, one_of(["quantile", "topk"]), numbers, inner),
        st.builds('count_values("v", {})'.format, inner),
        st.builds("({}) {} {} ({})".format, inner, one_of(ARITHMETIC), one_of(MATCHING), inner),
        st.builds("({}) {} on (job) group_left ({})".format, inner, one_of(ARITHMETIC), inner),
        st.builds("({}) {} {} ({})".format, inner, one_of(["and", "or"]), one_of(MATCHING), inner),
        st.builds("({}) {} {}".format, inner, one_of(ARITHMETIC), numbers),
        st.builds('label_replace({}, "job", "$1x", "host", "(.*)")'.format, inner),
        st.builds('label_join({}, "both", "-", "job", "host")'.format, inner),
        st.builds(
            'histogram_quantile({}, label_join({}, "le", "", "host"))'.format, numbers, inner
        ),
        st.builds(
            'histogram_fraction({}, {}, label_join({}, "le", "", "host"))'.format,
            numbers,
            numbers,
            inner,
        ),
        st.builds("absent({})".format, inner),
        st.builds("timestamp({})".format, inner),
        st.builds("-({})".format, inner),
        st.builds("max_over_time(({})[3m:1m])".format, inner),
    )


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data, grids, st.recursive(leaves, larger, max_leaves=4))
def test_a_range_is_its_instants(found: twin.Data, grid: Grid, query: str) -> None:
    memory = Memory(found)
    alone = [_asked(memory, query, Grid.instant(at)) for at in moments(grid)]
    together = _asked(memory, query, grid)
    if together is None or None in alone:
        assert None in alone or "[" in query, "only subqueries see more moments in a range"
        return
    assert isinstance(together, Matrix)
    for row, vector in zip(by_step(together, grid.size), alone, strict=True):
        assert isinstance(vector, Vector)
        wanted = dict(zip(vector.labels, vector.values.tolist(), strict=True))
        assert row.keys() == wanted.keys()
        for labels, value in wanted.items():
            assert _alike(row[labels], value)


def _asked(memory: Memory, query: str, grid: Grid) -> Matrix | Vector | None:
    try:
        found = memory.ask(query, grid)
    except QueryError:
        return None
    assert isinstance(found, Matrix | Vector)
    return found


def _alike(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
