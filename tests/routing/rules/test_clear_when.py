"""`clear_when` in the life of one series, and in the file that says it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.rules.lifecycle import CLEAR, Change, Look, Now, RuleState, Waits, step
from routing.rules.read import parse_rules
from storage.clock import Steady
from storage.errors import ConfigError
from storage.model.labels import Labels

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SEEN = st.sampled_from(["true", "between", "clear", "gone"])


def lived(sights: list[str], waits: Waits) -> list[tuple[int, Change]]:
    """Return (second, change) of a series that is looked at once a second."""
    state: RuleState | None = None
    changes = []
    for second, sight in enumerate(sights):
        steady = Steady(1000.0 + second)
        now = Now(wall=NOON + timedelta(seconds=second), steady=steady)
        look = Look(
            labels=Labels.of(instance="a"),
            value=1.0 if sight == "true" else None,
            sight=CLEAR,
            heard=steady,
            unclear=sight == "between",
        )
        state, change = step(state, look, now, waits)
        if change is not None:
            changes.append((second, change))
    return changes


def twin(sights: list[str], hold: int, keep: int) -> list[tuple[int, Change]]:
    """Say the same in the plainest way: by counting seconds."""
    changes, firing, true_for, false_for = [], False, -1, -1
    for second, sight in enumerate(sights):
        if not firing:
            true_for = true_for + 1 if sight == "true" else -1
            if true_for >= hold:
                firing, false_for = True, -1
                changes.append((second, Change.FIRED))
        else:
            false_for = false_for + 1 if sight in ("clear", "gone") else -1
            if sight in ("clear", "gone") and false_for >= keep:
                firing, true_for = False, -1
                changes.append((second, Change.RESOLVED))
    return changes


@given(st.lists(SEEN, max_size=40), st.integers(0, 5), st.integers(0, 5))
def test_it_ends_only_when_it_is_clear_or_gone(sights: list[str], hold: int, keep: int) -> None:
    waits = Waits(hold=timedelta(seconds=hold), keep_firing_for=timedelta(seconds=keep))
    assert lived(sights, waits) == twin(sights, hold, keep)


def read(line: str) -> None:
    parse_rules(f"groups: [{{name: g, rules: [{{alert: A, {line}}}]}}]", "f.yml")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("expr: x > 1, clear_when: x", "found 'x'; expected a comparison with a number"),
        ("expr: x > 1, clear_when: x < bool 1", "expected a comparison with a number"),
        ("expr: x > 1, clear_when: x < y", "expected a comparison with a number"),
        ("expr: x > 1, clear_when: 'x <'", "the query ends too early"),
        ("expr: x > 1, clear_when: ''", "found an empty text; expected a PromQL expression"),
        ("expr: x > 1, shadow: maybe", "found 'maybe'; expected true or false"),
        ("expr: x > 1, clear: x < 1", "did you mean 'clear_when'?"),
    ],
)
def test_faults(line: str, fault: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(line)
    assert fault in str(error.value)
    assert str(error.value).startswith("f.yml:1:")


def test_a_recording_rule_has_no_such_thing() -> None:
    with pytest.raises(ConfigError, match="shadow"):
        parse_rules("groups: [{name: g, rules: [{record: a, expr: x, shadow: true}]}]", "f")
