"""Who mutes an alert: by its labels, by planned windows, by the time of the day."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.alerts.inhibit import InhibitRule, hidden_by, sides_of
from routing.alerts.intervals import Range, Times, active_at
from routing.alerts.mute import Mutes, by_time
from routing.alerts.windows import check_rule, next_span, span_at
from storage.model.labels import Labels, Matcher, MatchOp
from storage.model.silence import Mute, MuteKind, Side, Silence, SilenceId, SilenceKind
from tests.fakes import NOON
from tests.routing.town import alert, resolved

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def matcher(text: str) -> Matcher:
    for op in (MatchOp.REGEX, MatchOp.NOT_REGEX, MatchOp.NOT_EQUAL, MatchOp.EQUAL):
        name, found, value = text.partition(op.value)
        if found:
            return Matcher(name, op, value)
    raise AssertionError(text)


def silence(*matchers: str, id: int = 1, **changes: object) -> Silence:
    plain = Silence(
        id=SilenceId(id),
        uuid=f"u{id}",
        matchers=tuple(map(matcher, matchers)),
        starts_at=NOON,
        ends_at=NOON + HOUR,
        created_by="ada",
        updated_at=NOON,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


SHOP = Labels.of(alertname="Slow", team="shop", pod="web-1")


# fmt: off
TABLE = [
    pytest.param(["team=shop"], True, id="equal"),
    pytest.param(["team=shop", "pod=~web-.*"], True, id="all-must-hold"),
    pytest.param(["team=shop", "pod=~db-.*"], False, id="one-does-not"),
    pytest.param(["team!=shop"], False, id="not-equal"),
    pytest.param(["cluster!=eu"], True, id="an-absent-label-is-empty"),
    pytest.param(["cluster="], True, id="equal-to-nothing"),
    pytest.param(["pod!~db-.*"], True, id="not-matching"),
    pytest.param(["pod=~eb-1"], False, id="patterns-are-anchored"),
    pytest.param(["pod=~(a+)+x|web-[0-9]"], True, id="a-pattern-that-would-backtrack"),
    pytest.param([], False, id="no-matchers-mean-nothing"),
]
# fmt: on


@pytest.mark.parametrize(("matchers", "muted"), TABLE)
def test_a_silence_covers_by_its_matchers(matchers: list[str], muted: bool) -> None:
    assert bool(Mutes.at([silence(*matchers)], NOON).of(SHOP)) is muted


def test_what_ends_last_answers_first() -> None:
    late = silence("pod=web-1", id=2, ends_at=NOON + 2 * HOUR)
    found = Mutes.at([silence("team=shop"), late, silence("team=x", id=3)], NOON).of(SHOP)
    assert [mute.by for mute in found] == ["silence 2 by ada", "silence 1 by ada"]


@pytest.mark.parametrize(
    ("at", "active"),
    [(-1, False), (0, True), (3_599, True), (3_600, False)],
)
def test_a_silence_holds_from_its_start_until_its_end(at: int, active: bool) -> None:
    mutes = Mutes.at([silence("team=shop")], NOON + timedelta(seconds=at))
    assert bool(mutes.of(SHOP)) is active


words = st.sampled_from(["", "a", "b", "web"])
some_labels = st.builds(lambda x, y: Labels.of(x=x, y=y, alertname="A"), words, words)
some_matchers = st.lists(
    st.builds(Matcher, st.sampled_from(["x", "y"]), st.sampled_from(MatchOp), words),
    min_size=1,
    max_size=3,
)


@given(some_labels, st.lists(some_matchers, max_size=4))
def test_the_quick_way_finds_what_the_slow_way_does(
    labels: Labels, many: list[list[Matcher]]
) -> None:
    made = [replace(silence(id=n + 1), matchers=tuple(matchers)) for n, matchers in enumerate(many)]
    found = {mute.id for mute in Mutes.at(made, NOON).of(labels)}
    assert found == {it.uuid for it in made if it.covers(labels)}


WEEKLY = silence(
    "team=shop",
    kind=SilenceKind.MAINTENANCE,
    starts_at=datetime(2026, 3, 1, 1, 30, tzinfo=UTC),  # a Sunday, 02:30 in Berlin
    ends_at=None,
    rule="FREQ=WEEKLY;BYDAY=SU",
    zone="Europe/Berlin",
    lasts=2 * HOUR,
)


# fmt: off
WINDOWS = [
    pytest.param((2026, 3, 8, 1, 29), None, id="before"),
    pytest.param((2026, 3, 8, 1, 30), (8, 3, 30), id="begins"),
    pytest.param((2026, 3, 8, 3, 29), (8, 3, 30), id="still"),
    pytest.param((2026, 3, 8, 3, 30), None, id="over"),
    pytest.param((2026, 3, 9, 2, 0), None, id="another-day"),
    pytest.param((2026, 3, 29, 1, 45), (29, 3, 30), id="the-hour-that-is-left-out"),
    pytest.param((2026, 4, 5, 0, 30), (5, 2, 30), id="summer-time"),
]
# fmt: on


@pytest.mark.parametrize(("at", "end"), WINDOWS)
def test_a_window_comes_again_by_the_clocks_of_its_zone(
    at: tuple[int, int, int, int, int], end: tuple[int, int, int] | None
) -> None:
    now = datetime(*at, tzinfo=UTC)
    span = span_at(WEEKLY, now)
    assert (span and (span[1].day, span[1].hour, span[1].minute)) == end


def test_a_series_ends() -> None:
    last = replace(WEEKLY, ends_at=datetime(2026, 3, 8, 2, 0, tzinfo=UTC))
    assert span_at(last, datetime(2026, 3, 8, 1, 59, tzinfo=UTC)) is not None
    assert span_at(last, datetime(2026, 3, 8, 2, 0, tzinfo=UTC)) is None
    assert next_span(last, datetime(2026, 3, 8, 2, 0, tzinfo=UTC)) is None


@pytest.mark.parametrize("until", ["20260308T013000Z", "20260308T023000", "20260308"])
def test_the_rule_of_a_series_says_its_end(until: str) -> None:
    rule = f"FREQ=WEEKLY;BYDAY=SU;UNTIL={until}"  # in UTC, as RFC 5545 asks; or by the local clocks
    check_rule(rule, WEEKLY.starts_at, WEEKLY.zone)
    last = replace(WEEKLY, rule=rule)
    assert span_at(last, datetime(2026, 3, 8, 3, 0, tzinfo=UTC)) is not None
    assert next_span(last, datetime(2026, 3, 8, 3, 0, tzinfo=UTC)) is None


def test_the_next_window() -> None:
    found = next_span(WEEKLY, datetime(2026, 3, 9, tzinfo=UTC))
    assert found is not None
    assert found[0] == datetime(2026, 3, 15, 1, 30, tzinfo=UTC)
    once = silence("team=shop", starts_at=NOON + HOUR, ends_at=NOON + 2 * HOUR)
    assert next_span(once, NOON) == (NOON + HOUR, NOON + 2 * HOUR)
    assert next_span(once, NOON + HOUR) is None


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("every sunday", "expected an RFC 5545 rule"),
        ("FREQ=MINUTELY", "daily or more rarely"),
        ("FREQ=YEARLY;UNTIL=20000101", "never happens"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL is a number from 1 to 1,000"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL is a number from 1 to 1,000"),
        ("FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5", "24 windows at most"),
    ],
)
def test_a_rule_that_is_none_is_refused_in_words(rule: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_rule(rule, NOON, "UTC")


# fmt: off
TIMES = [
    pytest.param(Times(), True, id="any-time"),
    pytest.param(Times(minutes=(Range(720, 721),)), True, id="noon"),
    pytest.param(Times(minutes=(Range(0, 720),)), False, id="the-end-does-not-count"),
    pytest.param(Times(weekdays=(Range(1, 5),)), True, id="monday-to-friday"),
    pytest.param(Times(weekdays=(Range(0, 0), Range(6, 6))), False, id="weekend"),
    pytest.param(Times(days_of_month=(Range(2, 2),)), True, id="second"),
    pytest.param(Times(days_of_month=(Range(-30, -30),)), True, id="thirtieth-from-the-end"),
    pytest.param(Times(days_of_month=(Range(-3, -1),)), False, id="last-days"),
    pytest.param(Times(days_of_month=(Range(1, -1),)), True, id="all-days"),
    pytest.param(Times(months=(Range(3, 3),), years=(Range(2026, 2026),)), True, id="march-2026"),
    pytest.param(Times(months=(Range(3, 3),), years=(Range(2027, 2027),)), False, id="both-must"),
    pytest.param(Times(minutes=(Range(780, 781),), zone="Europe/Berlin"), True, id="one-in-berlin"),
]
# fmt: on


@pytest.mark.parametrize(("times", "holds"), TIMES)
def test_times_of_the_day(times: Times, holds: bool) -> None:
    """Noon UTC of Monday, the second of March 2026."""
    assert times.contains(NOON) is holds
    assert active_at({"it": (times,), "never": ()}, NOON).on == ({"it"} if holds else set())


NIGHTS = Times(minutes=(Range(0, 360), Range(1320, 1440)), zone="Europe/Berlin")
OFFICE = Times(minutes=(Range(540, 1020),), weekdays=(Range(1, 5),), zone="Europe/Berlin")
WEEKEND = Times(weekdays=(Range(6, 6), Range(0, 0)), zone="Europe/Berlin")
BY_NAME = {"nights": (NIGHTS,), "office": (OFFICE,), "weekend": (WEEKEND,), "any": (Times(),)}


# fmt: off
QUIET = [
    # muted at these times, heard at those; at; by what, until
    pytest.param(["nights"], [], (2, 12, 0), None, id="by-day"),
    pytest.param(["nights"], [], (2, 22, 30),
                 ("the time interval nights", (3, 5, 0)), id="over-midnight"),
    pytest.param(["nights", "weekend"], [], (6, 22, 0),
                 ("the time interval nights", (9, 5, 0)), id="one-goes-over-into-the-other"),
    pytest.param([], ["office", "weekend"], (7, 12, 0), None, id="one-of-them-is-on"),
    pytest.param([], ["office", "nights"], (6, 16, 30),
                 ("it is outside office, nights", (6, 21, 0)), id="until-one-begins"),
    pytest.param([], ["office"], (27, 17, 0),
                 ("it is outside office", (30, 7, 0)), id="summer-time"),
    pytest.param(["any"], [], (2, 12, 0), ("the time interval any", None), id="never"),
]
# fmt: on


@pytest.mark.parametrize(("mute", "active", "at", "said"), QUIET)
def test_a_route_is_quiet_within_the_one_and_outside_the_other(
    mute: list[str],
    active: list[str],
    at: tuple[int, int, int],
    said: tuple[str, tuple[int, int, int] | None] | None,
) -> None:
    """Days of March 2026 in UTC; the second is a Monday, clocks are set on the 29th."""
    found = by_time(mute, active, active_at(BY_NAME, datetime(2026, 3, *at, 7, tzinfo=UTC)))
    until = found.until if found else None
    assert (found and (found.by, until and (until.day, until.hour, until.minute))) == said
    assert found is None or found.kind is MuteKind.TIME


def test_the_end_of_a_quiet_time_is_found_minute_by_minute_too() -> None:
    """Around both changes of the clocks, against the plain way of looking at every minute."""
    odd = Times(minutes=(Range(90, 150),), zone="Europe/Berlin")
    at = partial(active_at, {"odd": (odd,), "nights": (NIGHTS,)})
    for mute, active in ((["odd"], []), (["nights"], []), ([], ["odd"])):

        @cache
        def muted(now: datetime, mute: list[str] = mute, active: list[str] = active) -> Mute | None:
            return by_time(mute, active, at(now))

        for day in (datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)):
            for step in range(0, 24 * 60, 13):
                now = day + timedelta(minutes=step)
                found = muted(now)
                if found is None:
                    continue
                later = (now + timedelta(minutes=n) for n in range(1, 3 * 24 * 60))
                assert found.until == next(it for it in later if not muted(it))


RULE = InhibitRule(
    source=(matcher("severity=critical"),),
    target=(matcher("alertname=~.*"),),
    equal=("node",),
)


def test_of_two_of_a_kind_none_hides_the_other() -> None:
    one, two, low = alert("A", node="a"), alert("B", node="a"), alert("C", "info", node="a")
    sides = {it.fingerprint: sides_of(it, [RULE]) for it in (one, two, low)}
    sources: dict[str, list[Side]] = {}
    for some in sides.values():
        for side in some:
            if side.source:
                sources.setdefault(side.key, []).append(side)
    assert hidden_by(sides[one.fingerprint], sources) is None
    assert hidden_by(sides[low.fingerprint], sources) in {one.fingerprint, two.fingerprint}
    assert hidden_by(sides_of(alert("C", "info", node="b"), [RULE]), sources) is None


def test_what_is_over_has_no_part_and_absent_labels_are_equal() -> None:
    assert sides_of(resolved(alert()), [RULE]) == []
    (mine,), (other,) = sides_of(alert("A"), [RULE]), sides_of(alert("B", "info"), [RULE])
    assert (mine.key, mine.source, other.source, other.target) == (other.key, True, False, True)
