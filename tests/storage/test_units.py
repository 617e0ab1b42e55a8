"""Units: what people write, what they read, and how a slip is answered."""

import re
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import units

H, M, S = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


@pytest.mark.parametrize(("text", "span"), [
    ("30s", 30 * S), ("5m", 5 * M), ("1h30m", 90 * M), ("7d", 168 * H), ("2w", 336 * H),
    ("1y", 8760 * H), ("100ms", S / 10), ("0", 0 * S), ("0s", 0 * S), (" 2h ", 2 * H),
    ("90m", 90 * M),
])  # fmt: skip
def test_durations_are_read(text: str, span: timedelta) -> None:
    assert units.parse_duration(text) == span


@pytest.mark.parametrize(("text", "sentence"), [
    ("5", "'5' has no unit; expected a duration such as 30s, 5m, 1h30m, 7d (did you mean '5s'?)"),
    ("1.5h", "'1.5h' has a fraction; expected a duration such as 30s, 5m, 1h30m, 7d "
             "(1h30m for 1.5h)"),
    ("-5m", "'-5m' is negative; expected a duration such as 30s, 5m, 1h30m, 7d"),
    ("5 min", "'5 min' is not a duration; expected a duration such as 30s, 5m, 1h30m, 7d "
              "(did you mean '5m'?)"),
    ("2 hours", "'2 hours' is not a duration; expected a duration such as 30s, 5m, 1h30m, 7d "
                "(did you mean '2h'?)"),
    ("5M", "'5M' is not a duration; expected a duration such as 30s, 5m, 1h30m, 7d "
           "(did you mean '5m'?)"),
    ("30m1h", "'30m1h' is not a duration; expected a duration such as 30s, 5m, 1h30m, 7d"),
    ("", "'' is not a duration; expected a duration such as 30s, 5m, 1h30m, 7d"),
    ("soon", "'soon' is not a duration; expected a duration such as 30s, 5m, 1h30m, 7d"),
    ("101y", "'101y' is longer than 100 years"),
    ("٣m", "'٣m' is not a duration; expected a duration such as 30s, 5m, 1h30m, 7d"),
])  # fmt: skip
def test_a_slip_in_a_duration_is_answered(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        units.parse_duration(text)


@given(st.integers(min_value=0, max_value=100 * 365 * 86_400_000))
def test_a_written_duration_reads_as_itself(milliseconds: int) -> None:
    span = timedelta(milliseconds=milliseconds)
    assert units.parse_duration(units.format_duration(span)) == span


@given(st.text(max_size=40))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert units.parse_duration(text) >= timedelta(0)


@pytest.mark.parametrize(("span", "exact", "human"), [
    (0 * S, "0s", "0 s"), (S / 10, "100ms", "100 ms"), (40 * S, "40s", "40 s"),
    (125 * M, "2h5m", "2 h 5 min"), (125 * M + 10 * S, "2h5m10s", "2 h 5 min"),
    (2 * H, "2h", "2 h"),
    (75 * H, "3d3h", "3 d 3 h"), (72 * H + 5 * M, "3d5m", "3 d"), (-90 * M, "-1h30m", "1 h 30 min"),
    (59.7 * S, "59s700ms", "1 min"),
])  # fmt: skip
def test_durations_are_written(span: timedelta, exact: str, human: str) -> None:
    assert (units.format_duration(span), units.human_duration(span)) == (exact, human)


@pytest.mark.parametrize(("text", "size"), [
    ("100", 100), ("1B", 1), ("2KiB", 2048), ("2kB", 2000), ("100k", 100_000),
    ("512MiB", 512 * 2**20),
    ("20 GB", 20 * 10**9), ("1Ti", 2**40),
])  # fmt: skip
def test_sizes_are_read(text: str, size: int) -> None:
    assert units.parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "1.5GB", "-1", "MiB", "1iB", "1 mb", "many"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size; expected one such as 512MiB or 20GB"):
        units.parse_bytes(text)


@pytest.mark.parametrize(("size", "human"), [
    (0, "0 B"), (640, "640 B"), (1536, "1.5 KiB"), (2**30, "1 GiB"), (5 * 2**50, "5120 TiB"),
])  # fmt: skip
def test_sizes_are_written(size: int, human: str) -> None:
    assert units.human_bytes(size) == human


@pytest.mark.parametrize(("text", "share", "written"), [
    ("99.9%", 0.999, "99.9%"), ("0.999", 0.999, "99.9%"), ("100 %", 1.0, "100%"), ("0%", 0.0, "0%"),
])  # fmt: skip
def test_shares(text: str, share: float, written: str) -> None:
    assert units.parse_percent(text) == pytest.approx(share)
    assert units.format_percent(share) == written


@pytest.mark.parametrize(("text", "sentence"), [
    ("99.9", "'99.9' is more than 100%; expected a share up to 100% (did you mean '99.9%'?)"),
    ("101%", "'101%' is more than 100%; expected a share up to 100%"),
    ("most", "'most' is not a percentage; expected one such as 99.9%"),
    ("nan", "'nan' is not a percentage; expected one such as 99.9%"),
])  # fmt: skip
def test_a_slip_in_a_share_is_answered(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        units.parse_percent(text)
