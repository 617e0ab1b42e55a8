"""The SMS text: counted as the network counts, never longer, number first, answer last."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.delivery.channel import Action, Message
from routing.delivery.sms_text import as_sms, segments_of
from storage.model.alert import Severity
from storage.model.delivery import Purpose

PAGE = Message(
    purpose=Purpose.PAGE,
    title="#42 CheckoutSlow",
    incident=42,
    severity=Severity.CRITICAL,
    summary="Checkout answers in 2.4 s.",
    actions=(Action(verb="ack", label="Acknowledge"),),
    facts=(("State", "triggered, asked Ada"),),
)


# fmt: off
TABLE = [
    pytest.param("a" * 160, 1, id="one-full"),
    pytest.param("a" * 161, 2, id="just-over"),
    pytest.param("a" * 306, 2, id="two-full"),
    pytest.param("a" * 307, 3, id="three"),
    pytest.param("€" * 80, 1, id="escaped-letters-count-twice"),
    pytest.param("€" * 81, 2, id="escaped-just-over"),
    pytest.param("a" * 152 + "€" + "a" * 152, 3, id="an-escape-is-not-split"),
    pytest.param("ж" * 70, 1, id="ucs2-full"),
    pytest.param("ж" * 71, 2, id="ucs2-just-over"),
    pytest.param("ж" * 134, 2, id="ucs2-two-full"),
    pytest.param("a" * 69 + "ж", 1, id="one-letter-makes-all-ucs2"),
    pytest.param("🔥" * 35, 1, id="a-pair-counts-twice"),
    pytest.param("🔥" * 67, 3, id="a-pair-is-not-split"),
    pytest.param("", 1, id="empty"),
]
# fmt: on


@pytest.mark.parametrize(("text", "segments"), TABLE)
def test_segments(text: str, segments: int) -> None:
    assert segments_of(text) == segments


def test_a_page_starts_with_its_number_and_ends_with_how_to_answer() -> None:
    said = "#42 CRITICAL CheckoutSlow. Checkout answers in 2.4 s. Answer: /tocsin ack 42"
    assert as_sms(PAGE) == said


def test_a_link_follows_the_answer() -> None:
    text = as_sms(replace(PAGE, link="https://t.example/incidents/42"))
    assert text.endswith(" Answer: /tocsin ack 42 or https://t.example/incidents/42")


def test_what_was_escalated_says_so() -> None:
    text = as_sms(replace(PAGE, facts=(("State", "escalated to step 2, asked Cy"),)))
    assert "escalated to step 2, asked Cy" in text


def test_a_notice_asks_for_nothing() -> None:
    notice = replace(PAGE, purpose=Purpose.NOTICE, actions=(), summary="acknowledged by Ada")
    assert as_sms(notice) == "#42 CRITICAL CheckoutSlow. acknowledged by Ada"


def test_ornaments_do_not_halve_the_room() -> None:
    ornate = replace(PAGE, summary="\u201cCheckout\u201d \u2013 it\u2019s slow\u2026")
    assert '"Checkout" - it\'s slow' in as_sms(ornate)


def test_too_long_is_cut_in_the_middle_with_a_mark() -> None:
    text = as_sms(replace(PAGE, summary="slow " * 200))
    assert text.startswith("#42 CRITICAL CheckoutSlow. slow")
    assert text.endswith("... Answer: /tocsin ack 42")
    assert segments_of(text) == 2
    assert len(text) > 295


def test_a_link_that_leaves_no_room_is_left_out() -> None:
    text = as_sms(replace(PAGE, link="https://t.example/" + "x" * 400))
    assert text.endswith("Answer: /tocsin ack 42")


@given(
    title=st.text(max_size=400),
    summary=st.text(max_size=900),
    link=st.sampled_from(["", "https://t.example/incidents/42"]),
    segments=st.integers(1, 3),
)
def test_never_longer_than_allowed_whatever_the_text(
    title: str, summary: str, link: str, segments: int
) -> None:
    hostile = replace(PAGE, title=f"#42 {title}", summary=summary, link=link)
    text = as_sms(hostile, segments=segments)
    assert segments_of(text) <= segments
    assert text.startswith("#42 CRITICAL")
    assert "/tocsin ack 42" in text
    assert "\n" not in text
