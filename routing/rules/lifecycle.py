"""What one series of one rule goes through: idle, pending, firing, recovering.

No data is not good news: what is not seen because nobody speaks is not resolved, it is held
with `no_data_since`. Waits are elapsed seconds (`storage.clock.Steady`), records wall clock.

    idle       --true-->                pending     (or firing at once, without `for`)
    pending    --true for `for`-->      firing      --false--> idle
    firing     --false-->               recovering  (or idle at once)
    recovering --for keep_firing_for--> idle        --true--> firing

Of a rule with `clear_when` what fires counts as false only once that holds, or the series is gone.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from storage.clock import Steady
from storage.model.alert import Alert
from storage.model.labels import Labels


class Phase(StrEnum):
    """Where a series stands; idle has no state at all."""

    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"


class Change(StrEnum):
    """What must be told about an alert."""

    FIRED = "fired"
    RESOLVED = "resolved"
    NO_DATA = "no data"
    DATA_AGAIN = "data again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How far the samples behind a series may be believed now.

    begin:   what is true may become pending, or fire where there is no `for`.
    advance: what is pending may fire.
    end:     what is not seen any more may be called over.
    silent:  its sources stopped speaking: what is still seen are old samples.
    tells:   what is held firing although it is not seen says that it has no data.
    """

    begin: bool
    advance: bool
    end: bool
    silent: bool = False
    tells: bool = False


CLEAR = Sight(begin=True, advance=True, end=True)
"""All its sources speak."""
REFILLING = Sight(begin=True, advance=True, end=False)
"""A source just came back, and windows have holes: trouble is believed, its end not yet."""
PARTLY = Sight(begin=True, advance=True, end=False, tells=True)
"""Some of its sources are silent: the trouble that others show is believed, its end is not."""
UNHEARD = Sight(begin=True, advance=False, end=False, tells=True)
"""None has spoken since start-up; what was stored before, and perhaps never judged, counts."""
WAITING = Sight(begin=False, advance=False, end=False)
"""Too early to say: nothing changes."""
BLIND = Sight(begin=False, advance=False, end=False, silent=True, tells=True)
"""All its sources are silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """One moment on both scales. wall: aware UTC, for records; steady: for waits."""

    wall: datetime
    steady: Steady


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen of one series when its rule was judged.

    value:   the expression's value; None where the series is not in the answer.
    sources: who sends its samples.
    heard:   steady, since when every one of its sources was heard; None: not since start-up.
    as_of:   steady moment that the query looked at, where that is not now.
    data_until: the time of their newest sample, if known.
    grace:   how long a pending series is remembered without data.
    unclear: its rule has a `clear_when` that does not hold, though there is a value to hold for.
    """

    labels: Labels
    value: float | None
    sight: Sight
    sources: tuple[str, ...] = ()
    heard: Steady | None = None
    as_of: Steady | None = None
    data_until: datetime | None = None
    grace: timedelta = timedelta(minutes=5)
    unclear: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleState:
    """What is remembered of one series of one rule; the row that survives a restart.

    labels:        of the series in the expression's answer.
    since:         aware UTC, when it was first true.
    waiting_since: steady; pending: when it was first true, recovering: when it stopped.
    blind_since:   steady; pending without data since then.
    true_at:       steady; when it was last seen true.
    sources:       who sent the samples that made it true.
    alert:         as last told; None while pending.
    """

    phase: Phase
    labels: Labels
    since: datetime
    waiting_since: Steady
    value: float | None = None
    blind_since: Steady | None = None
    true_at: Steady | None = None
    no_data_since: datetime | None = None
    sources: tuple[str, ...] = ()
    alert: Alert | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """A rule's `for` and `keep_firing_for`."""

    hold: timedelta = timedelta(0)
    keep_firing_for: timedelta = timedelta(0)


Step = tuple[RuleState | None, Change | None]


def step(state: RuleState | None, look: Look, now: Now, waits: Waits) -> Step:
    """Say where the series stands after `look`, and what must be told; None: idle, nothing."""
    if state is None:
        return _begun(look, now, waits)
    if look.value is not None:
        sources = look.sources or state.sources
        state = replace(state, sources=sources, true_at=look.as_of or now.steady)
    match state.phase:
        case Phase.PENDING:
            return _pending(state, look, now, waits)
        case Phase.FIRING:
            return _firing(state, look, now, waits)
        case Phase.RECOVERING:
            return _recovering(state, look, now, waits)


def _begun(look: Look, now: Now, waits: Waits) -> Step:
    if look.value is None or not look.sight.begin:
        return None, None
    fires = not waits.hold
    state = RuleState(
        phase=Phase.FIRING if fires else Phase.PENDING,
        labels=look.labels,
        since=now.wall,
        waiting_since=now.steady,
        value=look.value,
        true_at=look.as_of or now.steady,
        sources=look.sources,
    )
    return state, Change.FIRED if fires else None


def _is_blind(state: RuleState, look: Look) -> bool:
    """Say whether nothing may be concluded from what is (not) seen.

    A window drains before its source counts as silent. So what was true is over only once its
    sources were heard after it was last seen true.
    """
    if look.sight.silent or look.value is not None:
        return look.sight.silent
    if not look.sight.end or look.heard is None:
        return True
    return state.true_at is not None and look.heard < state.true_at


def _pending(state: RuleState, look: Look, now: Now, waits: Waits) -> Step:
    sight = look.sight
    if _is_blind(state, look):
        since = now.steady if state.blind_since is None else state.blind_since
        forgotten = now.steady - since >= look.grace.total_seconds()
        return (None if forgotten else replace(state, blind_since=since)), None
    if look.value is None:
        return None, None
    state = replace(state, value=look.value, blind_since=None)
    if sight.advance and now.steady - state.waiting_since >= waits.hold.total_seconds():
        return replace(state, phase=Phase.FIRING), Change.FIRED
    return state, None


def _firing(state: RuleState, look: Look, now: Now, waits: Waits) -> Step:
    if _is_blind(state, look):
        return _held(state, look, now)
    if look.value is not None:
        return _with_data(replace(state, value=look.value), look)
    if look.unclear:
        return _with_data(state, look)
    if not waits.keep_firing_for:
        return None, Change.RESOLVED
    recovering = replace(state, phase=Phase.RECOVERING, waiting_since=now.steady)
    return _with_data(recovering, look)


def _recovering(state: RuleState, look: Look, now: Now, waits: Waits) -> Step:
    if _is_blind(state, look):
        return _held(state, look, now)
    if look.value is not None:
        return _with_data(replace(state, phase=Phase.FIRING, value=look.value), look)
    if look.unclear:
        return _with_data(replace(state, phase=Phase.FIRING), look)
    if now.steady - state.waiting_since >= waits.keep_firing_for.total_seconds():
        return None, Change.RESOLVED
    return _with_data(state, look)


def _held(state: RuleState, look: Look, now: Now) -> Step:
    """Keep it firing for want of data, and say so once."""
    if state.no_data_since is not None or not look.sight.tells:
        return state, None
    return replace(state, no_data_since=look.data_until or now.wall), Change.NO_DATA


def _with_data(state: RuleState, look: Look) -> Step:
    """Believe the samples again, as far as they go: what is only stored is no news."""
    if state.no_data_since is None or not look.sight.advance:
        return state, None
    return replace(state, no_data_since=None), Change.DATA_AGAIN
