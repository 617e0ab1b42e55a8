"""A replay jumps from turn to turn; the plain way looks at every moment. Both say the same."""

from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.rules.backtest import HELD, Replay, Slice, spans
from routing.rules.lifecycle import CLEAR, Look, Now, Phase, RuleState, Waits, step
from routing.rules.read import parse_rules
from routing.rules.rule import Rule
from routing.rules.sources import GRACE
from storage.clock import Steady, utc
from storage.model.labels import Labels
from storage.promql.values import Matrix

PACE, START = 60.0, 1_700_000_000.0
SERIES = Labels.of(instance="a")
SIGHTS = st.lists(st.sampled_from(["true", "unclear", "clear", "gone", "silent"]), max_size=30)


def rule(hold: int, keep: int) -> Rule:
    waits = f"for: {hold}m, keep_firing_for: {keep}m"
    text = f"groups: [{{name: g, rules: [{{alert: A, expr: x > 1, {waits}, clear_when: x < 1}}]}}]"
    return parse_rules(text, "f")[0].rules[0]


def one(mask: list[bool], times: np.ndarray) -> Matrix:
    if not any(mask):
        nothing = np.zeros((0, len(mask)))
        return Matrix((), times, nothing, nothing.astype(bool))
    return Matrix((SERIES,), times, np.ones((1, len(mask))), np.array([mask]))


def replayed(sights: list[str], hold: int, keep: int, size: int) -> list[tuple[float, float]]:
    replay = Replay(rule(hold, keep))
    for first in range(0, len(sights), size):
        part = sights[first : first + size]
        times = START + PACE * np.arange(first, first + len(part))
        replay.take(
            Slice(
                times=times,
                answer=one([s == "true" for s in part], times),
                clearance=one([s in ("true", "unclear", "clear") for s in part], times),
                clear=one([s == "clear" for s in part], times),
                heard=np.array([s != "silent" for s in part]),
            )
        )
    return [
        (e.start.timestamp(), e.end.timestamp() if e.end else 0.0) for e in replay.all_episodes()
    ]


def plain(sights: list[str], hold: int, keep: int) -> list[tuple[float, float]]:
    state: RuleState | None = None
    found: list[tuple[float, float]] = []
    waits = Waits(hold=timedelta(minutes=hold), keep_firing_for=timedelta(minutes=keep))
    for number, sight in enumerate(sights):
        time = START + PACE * number
        look = Look(
            labels=SERIES,
            value=1.0 if sight == "true" else None,
            sight=HELD if sight == "silent" else CLEAR,
            heard=Steady(time),
            unclear=sight == "unclear",
            grace=GRACE,
        )
        fired = state is not None and state.phase is not Phase.PENDING
        state, _ = step(state, look, Now(wall=utc(time), steady=Steady(time)), waits)
        fires = state is not None and state.phase is not Phase.PENDING
        if fires and not fired:
            found.append((time, 0.0))
        elif fired and not fires:
            found[-1] = (found[-1][0], time)
    return found


@settings(deadline=None)
@given(SIGHTS, st.integers(0, 8), st.integers(0, 4), st.integers(1, 30))
def test_it_says_what_looking_at_every_moment_says(
    sights: list[str], hold: int, keep: int, size: int
) -> None:
    assert replayed(sights, hold, keep, size) == plain(sights, hold, keep)


@given(st.integers(0, 500), st.sampled_from([0.5, 1.0, 15.0]), st.integers(1, 60))
def test_slices_cover_every_moment_once(count: int, pace: float, most: int) -> None:
    cut = list(spans(START, START + count * pace, pace, most))
    moments = [
        first + pace * number
        for first, last in cut
        for number in range(round((last - first) / pace) + 1)
    ]
    assert moments == [START + pace * number for number in range(count + 1)]
    assert all((last - first) / pace < most for first, last in cut)
