"""Parsing: what people type, taken apart; any text is understood as something."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.parse import Said, parse, unknown_verb
from storage.model.incident import IncidentId
from storage.units import format_duration

H, M = timedelta(hours=1), timedelta(minutes=1)


def said(verb: str, *numbers: int, hold: timedelta | None = None, words: str = "") -> Said:
    incidents = tuple(map(IncidentId, numbers))
    return Said(verb=verb, incidents=incidents, hold=hold, words=tuple(words.split()))


@pytest.mark.parametrize(("text", "understood"), [
    ("ack", said("ack")),
    ("ACK 12", said("ack", 12)),
    ("/ack 12", said("ack", 12)),
    ("/tocsin ack 12", said("ack", 12)),
    ("tocsin   ack  #12", said("ack", 12)),
    ("ack 12 13", said("ack", 12, 13)),
    ("ack #12,#13, 14", said("ack", 12, 13, 14)),
    ("ack 12 12", said("ack", 12)),
    ("ack 12: looking", said("ack", 12, words="looking")),
    ("ack 12 for 2h", said("ack", 12, hold=2 * H)),
    ("ack 12 2H looking at it", said("ack", 12, hold=2 * H, words="looking at it")),
    ("ack 12 looking at it for 2h", said("ack", 12, hold=2 * H, words="looking at it")),
    ("ack 12 failing since 10 with 5m lag", said("ack", 12, words="failing since 10 with 5m lag")),
    ("ack 12 for ever", said("ack", 12, words="for ever")),
    ("ack 12 for 2 hours", said("ack", 12, hold=2 * H)),
    ("ack 12 looking at it for 2 Hours.", said("ack", 12, hold=2 * H, words="looking at it")),
    ("ack 12 for half an hour, brb", said("ack", 12, hold=30 * M, words="brb")),
    ("ack 12 for a second look", said("ack", 12, words="for a second look")),
    ("ack 12 1.5h", said("ack", 12, hold=90 * M)),
    ("ack 12 day shift has it", said("ack", 12, words="day shift has it")),
    ("ack 12 1h30 or so", said("ack", 12, words="1h30 or so")),
    ("ack 12 2 hours and then", said("ack", 12, hold=2 * H, words="and then")),
    ("ack 12 999999 weeks", said("ack", 12, 999999, words="weeks")),
    ("ack deployed 2 days ago", said("ack", words="deployed 2 days ago")),
    ("ack mine 2 days", said("ack", hold=48 * H, words="mine")),
    ("snooze 12 90 min", said("snooze", 12, hold=90 * M)),
    ("snooze 12 hours", said("snooze", hold=12 * H)),
    ("snooze 12 2 h 5 min", said("snooze", 12, hold=2 * H + 5 * M)),
    ("snooze 30mins 12 13", said("snooze", 12, 13, hold=30 * M)),
    ("snooze 12 1 day and 6 hours", said("snooze", 12, hold=30 * H)),
    ("snooze 12 0 min", said("snooze", 12, hold=0 * M)),
    ("resolve 12 3 min blip", said("resolve", 12, words="3 min blip")),
    ("resolve 12 was down for 2 hours", said("resolve", 12, words="was down for 2 hours")),
    ("escalate 12 13 10m late", said("escalate", 12, 13, words="10m late")),
    ("oncall take 8 hours primary", said("oncall", hold=8 * H, words="take primary")),
    ("ack for 2h", said("ack", hold=2 * H)),
    ("ack looking at it", said("ack", words="looking at it")),
    ("aa", said("ack", words="mine")),
    ("Res 12 fixed", said("resolve", 12, words="fixed")),
    ("esc 12", said("escalate", 12)),
    ("snooze 30m 12", said("snooze", 12, hold=30 * M)),
    ("snooze 12 1h30m", said("snooze", 12, hold=90 * M)),
    ("snooze 12 5", said("snooze", 12, 5)),
    ("oncall take 8h", said("oncall", hold=8 * H, words="take")),
    ("oncall take for 8h primary", said("oncall", hold=8 * H, words="take primary")),
    ("oncall take primary for 8h", said("oncall", hold=8 * H, words="take primary")),
    ("report alerts 24h", said("report", hold=24 * H, words="alerts")),
    ("report alerts 7d json", said("report", hold=168 * H, words="alerts json")),
    ("ack 123456789012345678901234", said("ack", 123456789012345678)),
    ("", said("")),
    ("tocsin", said("")),
    ("12", said("12")),
    ("ack ١٢", said("ack", words="١٢")),
])  # fmt: skip
def test_sentences_are_taken_apart(text: str, understood: Said) -> None:
    assert parse(text) == understood


@given(st.text(max_size=300))
def test_any_text_is_understood_as_something(text: str) -> None:
    assert all(number >= 0 for number in parse(text).incidents)


WORD = st.text(alphabet="abcxyz", min_size=1, max_size=5).filter(lambda word: word != "for")


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=4, unique=True),
    st.none() | st.integers(1, 10**9).map(lambda n: timedelta(milliseconds=n)),
    st.lists(WORD, max_size=4),
)
def test_what_is_written_by_the_book_is_read_back(
    numbers: list[int], hold: timedelta | None, words: list[str]
) -> None:
    span = f"for {format_duration(hold)}" if hold is not None else ""
    text = " ".join(["ack", *(f"#{n}" for n in numbers), span, *words])
    assert parse(text) == said("ack", *numbers, hold=hold, words=" ".join(words))


def test_an_unknown_verb_gets_the_nearest_guess() -> None:
    assert unknown_verb("akc", ["ack", "resolve"]) == (
        "I do not know 'akc'; did you mean 'ack'? I know: ack, resolve. `help <verb>` explains one."
    )
    assert unknown_verb("", ["ack"]) == "Say what to do: ack. `help <verb>` explains one."
