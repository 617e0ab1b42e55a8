"""What is news about an alert, what repeats it, what comes too late."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from routing.alerts.dedupe import Word, as_told, heard, newest_of, sort_out
from storage.model.alert import Alert
from storage.model.labels import Labels
from storage.model.standing import Known
from tests.fakes import NOON
from tests.routing.town import alert, resolved

MINUTE = timedelta(minutes=1)
SILENT = replace(alert(), no_data_since=NOON)
NEWS, AGAIN, EARLY, NOTHING = Word.NEWS, Word.AGAIN, Word.EARLY, Word.NOTHING


def dated(begin: int, end: int | None = None) -> Alert:
    """An alert from a source that gives times: minutes from noon."""
    told = alert() if end is None else resolved(alert())
    over = None if end is None else NOON + end * MINUTE
    return replace(told, starts_at=NOON + begin * MINUTE, ends_at=over, dated=True)


# fmt: off
TABLE = [
    pytest.param(None, alert(), NEWS, id="unknown-and-firing"),
    pytest.param(None, resolved(alert()), NOTHING, id="unknown-and-over"),
    pytest.param(None, dated(0, 5), EARLY, id="unknown-and-over-with-its-times"),
    pytest.param(alert(), alert(), AGAIN, id="told-again"),
    pytest.param(alert(), replace(alert(), value=9.0), AGAIN, id="another-value"),
    pytest.param(alert(), replace(alert(), annotations=Labels.of(summary="9")), AGAIN,
        id="another-text"),
    pytest.param(alert(), resolved(alert()), NEWS, id="over"),
    pytest.param(resolved(alert()), resolved(alert()), NOTHING, id="over-told-again"),
    pytest.param(resolved(alert()), alert(), NEWS, id="back"),
    pytest.param(alert(), SILENT, NEWS, id="no-data"),
    pytest.param(SILENT, alert(), NEWS, id="data-again"),
    pytest.param(dated(0, 5), dated(0), NOTHING, id="straggler-of-what-is-over"),
    pytest.param(dated(0, 5), dated(4), NOTHING, id="second-replica-of-what-is-over"),
    pytest.param(dated(0, 5), dated(5), NEWS, id="begins-again-at-its-end"),
    pytest.param(dated(0, 5), dated(6), NEWS, id="begins-again"),
    pytest.param(dated(6), dated(0, 5), NOTHING, id="end-of-an-earlier-trouble"),
    pytest.param(dated(6), dated(6, 7), NEWS, id="its-own-end"),
    pytest.param(dated(6), dated(0), AGAIN, id="another-beginning-is-no-news"),
    pytest.param(dated(0, 5), replace(dated(0), dated=False), NEWS, id="undated-is-never-late"),
]
# fmt: on


@pytest.mark.parametrize(("known", "told", "word"), TABLE)
def test_news(known: Alert | None, told: Alert, word: Word) -> None:
    assert heard(Known.of(known) if known else None, told, NOON + 6 * MINUTE) is word


def test_an_end_that_was_our_guess_stops_nobody_from_saying_that_it_fires() -> None:
    guessed = replace(Known.of(dated(0, 5)), expired=True)
    assert heard(guessed, dated(0), NOON + 5 * MINUTE) is NEWS


def test_who_says_it_long_after_the_end_is_believed_and_the_end_told_again_is_late() -> None:
    """Of two Prometheus one lost sight of the trouble, and repeats for a quarter of an hour so."""
    over, key = dated(0, 5), alert().fingerprint
    known = replace(Known.of(over), updated_at=NOON + 5 * MINUTE)
    for minute, count in ((5, 0), (6, 0), (7, 1), (400, 1)):
        now = NOON + minute * MINUTE
        news = sort_out({key: known}, {key: dated(1)}, now).news
        assert [it.starts_at for it in news] == [now] * count
    assert heard(Known.of(news[0]), over, now) is NOTHING
    assert heard(Known.of(news[0]), dated(1), now) is AGAIN
    assert heard(Known.of(news[0]), dated(1, 401), now + MINUTE) is NEWS


@pytest.mark.parametrize("told", [replace(dated(6, 6), dated=False), dated(3, 6), dated(0, 6)])
def test_an_end_moves_no_beginning(told: Alert) -> None:
    """Whoever tells an end often tells no beginning, or that of a later look."""
    key = alert().fingerprint
    news = sort_out({key: Known.of(dated(0))}, {key: told}, NOON + 6 * MINUTE).news
    assert [(it.starts_at, it.ends_at) for it in news] == [(NOON, NOON + 6 * MINUTE)]


def test_the_last_word_of_a_batch_counts_and_stragglers_do_not() -> None:
    over, again, key = dated(0, 5), dated(6), alert().fingerprint
    assert newest_of([dated(0), over, dated(1)]) == {key: over}
    assert newest_of([dated(0), over, again]) == {key: again}
    assert newest_of([again, over]) == {key: again}
    assert list(newest_of([alert("A"), alert("B")])) == [
        alert("A").fingerprint,
        alert("B").fingerprint,
    ]


# fmt: off
TIMES = [
    pytest.param(None, None, NOON, None, NOON + 5 * MINUTE, id="no-times"),
    pytest.param(NOON - MINUTE, None, NOON - MINUTE, None, NOON + 5 * MINUTE, id="a-beginning"),
    pytest.param(NOON - MINUTE, NOON + 3 * MINUTE, NOON - MINUTE, None, NOON + 3 * MINUTE,
        id="an-end-to-come"),
    pytest.param(NOON - MINUTE, NOON, NOON - MINUTE, NOON, None, id="over-now"),
    pytest.param(None, NOON - MINUTE, NOON - MINUTE, NOON - MINUTE, None, id="only-an-end"),
]
# fmt: on


@pytest.mark.parametrize(("begin", "end", "starts", "ends", "expires"), TIMES)
def test_times_are_read_as_alertmanager_does(
    begin: datetime | None,
    end: datetime | None,
    starts: datetime,
    ends: datetime | None,
    expires: datetime | None,
) -> None:
    told = as_told(
        alert().labels,
        now=NOON,
        resolve_timeout=5 * MINUTE,
        source="test",
        starts_at=begin,
        ends_at=end,
    )
    assert (told.starts_at, told.ends_at, told.expires_at) == (starts, ends, expires)
    assert (told.is_firing, told.dated) == (ends is None, begin is not None)
