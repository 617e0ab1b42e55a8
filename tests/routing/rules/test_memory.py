"""A rule's state survives as JSON, whole; who speaks is known by what came."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.playbook import Source
from routing.rules.lifecycle import Phase, RuleState
from routing.rules.memory import from_json, to_json
from routing.rules.sources import Sources
from storage.clock import Steady
from storage.model.alert import Alert, Trace
from storage.model.labels import Labels

TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
LABELS = st.dictionaries(st.text(min_size=1), st.text()).map(Labels.of)
NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False))
STEADY = st.floats(0, 1e10).map(Steady)
ALERTS = st.builds(
    Alert,
    labels=LABELS,
    annotations=LABELS,
    starts_at=TIMES,
    value=NUMBERS,
    no_data_since=st.one_of(st.none(), TIMES),
    trace=st.builds(Trace, sampled=NUMBERS, stored=NUMBERS, judged=NUMBERS),
    status=st.just("firing"),
    ends_at=st.none(),
    source=st.just("rules"),
)
STATES = st.builds(
    RuleState,
    phase=st.sampled_from(Phase),
    labels=LABELS,
    since=TIMES,
    waiting_since=STEADY,
    value=NUMBERS,
    blind_since=st.one_of(st.none(), STEADY),
    true_at=st.one_of(st.none(), STEADY),
    no_data_since=st.one_of(st.none(), TIMES),
    sources=st.lists(st.text()).map(tuple),
    alert=st.one_of(st.none(), ALERTS),
)


@given(STATES)
def test_a_state_is_read_as_it_was_written(state: RuleState) -> None:
    text = to_json(state)
    text.encode("utf-8", "surrogatepass")
    assert from_json(text) == state


@pytest.mark.parametrize("text", ["", "[", "{}", "[]", "null", '{"phase": "odd"}'])
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_json(text)


def voices() -> Sources:
    expected = {"prom": Source(name="prom", expect=timedelta(minutes=2))}
    return Sources(lambda: expected, Steady(1000.0))


def test_an_expected_source_is_silent_after_what_is_expected() -> None:
    sources = voices()
    assert sources.silent(1120.0) == ()
    assert sources.silent(1121.0) == ("prom",)  # it never spoke
    sources.heard("prom", 1130.0, 50.0)
    assert sources.silent(1250.0) == ()
    assert sources.silent(1251.0) == ("prom",)


def test_a_source_that_nobody_expects_is_silent_after_a_few_of_its_usual_gaps() -> None:
    sources = voices()
    for tick in range(5):
        sources.heard("batch", 1000.0 + 300 * tick, 0.0)
    assert not sources.is_silent("batch", 2200.0 + 900)
    assert sources.is_silent("batch", 2200.0 + 901)
    assert sources.silent(9e9) == ("prom",)
    sources.heard("quick", 1000.0, 0.0)
    sources.heard("quick", 1001.0, 0.0)
    assert not sources.is_silent("quick", 1061.0)
    assert sources.is_silent("quick", 1062.0)


def test_how_long_a_source_speaks_counts_from_the_end_of_its_last_silence() -> None:
    sources = voices()
    for at in (1000.0, 1060.0, 1120.0):
        sources.heard("prom", at, at)
    assert sources.spoke_for("prom", 1120.0) == 120.0
    sources.heard("prom", 1300.0, 1300.0)
    assert sources.spoke_for("prom", 1310.0) == 10.0
    assert sources.spoke_for("other", 1310.0) == 0.0
