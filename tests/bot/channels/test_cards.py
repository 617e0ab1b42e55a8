"""Cards for Teams: fit for Microsoft's schema and limits whatever the text, which stays text."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.cards import MOST_BYTES, checked, posting, short_posting, size_of
from bot.channels.json_cut import cut
from routing.delivery.channel import Line, Message
from routing.delivery.compose import ACTIONS
from routing.delivery.report import Curve, Plot
from routing.delivery.words import ELLIPSIS, flat
from storage.model.alert import Severity
from storage.model.delivery import Purpose
from storage.model.incident import Status
from tests.vendors.teams_schema import SCHEMA

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LINK = "https://tocsin.example.com/incidents/42"
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
OPEN = Message(
    purpose=Purpose.ROOM,
    title="#42 CheckoutSlow",
    incident=42,
    status=Status.TRIGGERED,
    severity=Severity.CRITICAL,
    summary="p99 is 3.2 s",
    facts=(("State", "triggered, asked Ada"), ("Severity", "critical")),
    actions=ACTIONS[Status.TRIGGERED],
    link=LINK,
)
HOSTILE = [
    "x" * 10_000,
    "🔥" * 10_000,
    "<!channel> <@U012ABCDEF> <at>everyone</at> @everyone",
    "[click me](https://evil.example.com) ![i](https://evil.example.com/a.png) **b** _i_ `c`",
    "<script>alert(1)</script> <b>bold</b> &lt;",
    "one\r\nSubject: two\r\n\r\nthree",
    "\u202egnihton si sihT\u202c \u05d0\u05d1\u05d2 \u0623\u0628\u062c",
    '{{DATE(2026-03-02T12:00:00Z, SHORT)}} ${title} @{triggerBody()} {"type": "Image"}',
    "\x00\x1b[31m\ud800",
    "=HYPERLINK(1)",
]


def fit(made: dict[str, Any]) -> dict[str, Any]:
    """Hold a posting to the vendor's own schema and limit, and return its card."""
    assert size_of(made) <= MOST_BYTES
    assert (made["type"], len(made["attachments"])) == ("message", 1)
    card: dict[str, Any] = made["attachments"][0]["content"]
    VALIDATOR.validate(card)
    return card


def texts(card: Any) -> Iterator[str]:
    """Yield every text that is shown, in order."""
    match card:
        case {"type": "TextRun", "text": text}:
            yield text
        case dict():
            for key, value in card.items():
                if key != "actions":
                    yield from texts(value)
        case list():
            for value in card:
                yield from texts(value)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("severity", Severity)
def test_state_and_severity_stand_in_words(status: Status, severity: Severity) -> None:
    card = fit(posting(replace(OPEN, status=status, severity=severity)))
    head, title, *_ = texts(card)
    assert head.split(" · ")[0].split()[0].lower() == str(status)
    assert head.split(" · ")[1] == severity
    assert title == "#42 CheckoutSlow"


def test_data_that_stopped_is_told_in_the_headline() -> None:
    card = fit(posting(replace(OPEN, stages=("triggered.0.0", "no-data.1772452800"))))
    assert next(texts(card)) == "Triggered · critical · no data"


def test_facts_are_rows_and_links_are_buttons() -> None:
    facts = (
        *OPEN.facts,
        ("Alerts", "2 of 3 firing\na\nb"),
        ("Runbook", "https://wiki.example.com/slow"),
        ("Dashboard", "javascript:alert(1)"),
    )
    card = fit(posting(replace(OPEN, facts=facts)))
    assert [list(texts(row)) for row in card["body"][2:]] == [
        ["State", "triggered, asked Ada"],
        ["Alerts", "2 of 3 firing"],
        ["a"],
        ["b"],
        ["Dashboard", "javascript:alert(1)"],
        ["Answer: tocsin ack 42"],
    ]
    assert [(it["title"], it["url"]) for it in card["actions"]] == [
        ("Open #42", LINK),
        ("Runbook", "https://wiki.example.com/slow"),
    ]


def test_without_a_public_address_there_is_nothing_to_open() -> None:
    card = fit(posting(replace(OPEN, link="")))
    assert card["actions"] == []
    assert "Answer: tocsin ack 42" in texts(card)


def test_an_answer_is_asked_for_only_where_one_is_wanted() -> None:
    over = fit(posting(replace(OPEN, status=Status.RESOLVED, actions=())))
    assert not [text for text in texts(over) if text.startswith("Answer")]


def test_only_news_of_the_history_is_told_the_newest_four() -> None:
    lines = tuple(Line(id=n, at=NOON, text=f"line {n}") for n in range(1, 9))
    told = [t for t in texts(fit(posting(replace(OPEN, lines=lines), 2))) if t.startswith("line")]
    assert told == ["line 5", "line 6", "line 7", "line 8"]
    told = [t for t in texts(fit(posting(replace(OPEN, lines=lines), 7))) if t.startswith("line")]
    assert told == ["line 8"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_everywhere(text: str) -> None:
    message = replace(
        OPEN,
        title=f"#42 {text}",
        summary=text,
        facts=((text, text), ("State", text), ("Alerts", f"{text}\n" * 30)),
        lines=(Line(id=1, at=NOON, text=text),),
        link=text,
    )
    card = fit(posting(message))
    shown = list(texts(card))
    assert shown[1].startswith("#42 ")
    assert card["actions"] == []
    for one in shown:
        plain = one.replace("\u2060", "").replace("\u200b", "")
        assert flat(plain) == plain.strip()
        assert "{{DATE(" not in one
    kinds = {part["type"] for part in walk(card)}
    assert kinds <= {
        "AdaptiveCard", "Container", "RichTextBlock", "TextRun", "ColumnSet", "Column"
    }  # fmt: skip


def walk(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if "type" in part:
            yield part
        for value in part.values():
            yield from walk(value)
    elif isinstance(part, list):
        for value in part:
            yield from walk(value)


def test_what_is_cut_is_marked_and_the_rest_is_linked() -> None:
    card = fit(posting(replace(OPEN, summary="disk is full " * 2_000)))
    summary = list(texts(card))[2]
    assert summary.endswith(ELLIPSIS)
    assert card["actions"][0]["url"] == LINK


def test_a_card_that_is_too_large_in_all_goes_short() -> None:
    facts = tuple((f"fact {n}", "🔥 🔥 🔥 " * 3_000 + "\n" + "🔥" * 900) for n in range(10))
    many = replace(OPEN, facts=tuple((name, (value + "\n") * 14) for name, value in facts))
    assert fit(posting(many)) == fit(short_posting(many))
    assert fit(short_posting(many))["actions"][0]["url"] == LINK


text = st.text(max_size=300) | st.sampled_from(HOSTILE)
messages = st.builds(
    Message,
    purpose=st.sampled_from(Purpose),
    title=text,
    incident=st.none() | st.integers(1, 10**9),
    status=st.none() | st.sampled_from(Status),
    severity=st.sampled_from(Severity),
    summary=text,
    facts=st.lists(st.tuples(text, text | st.just(LINK)), max_size=14).map(tuple),
    actions=st.sampled_from(list(ACTIONS.values())),
    lines=st.lists(
        st.builds(Line, id=st.integers(1, 99), at=st.just(NOON), text=text), max_size=8
    ).map(tuple),
    link=st.just("") | st.just(LINK) | text,
    stages=st.lists(st.sampled_from(["triggered.0.0", "no-data.1"]), max_size=2).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(messages)
def test_every_card_is_one_that_teams_can_show(message: Message) -> None:
    fit(posting(message))
    fit(short_posting(message))


@settings(deadline=None)
@given(st.text(max_size=200), st.integers(6, 300))
def test_a_cut_fits_and_is_marked(text: str, longest: int) -> None:
    short = cut(text, longest)
    assert len(json.dumps(short)) - 2 <= longest
    assert short == text or (short.endswith(ELLIPSIS) and text.startswith(short[:-1].rstrip()))


SPOILT: list[tuple[str, Any]] = [
    ("version", "1.6"),
    ("body", []),
    ("body", [{"type": "TextBlock", "text": "**Markdown**"}]),
    ("body", [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": ""}]}]),
    ("body", [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": "x", "id": 1}]}]),
    ("body", [{"type": "ColumnSet", "columns": [{"type": "Column", "width": "84", "items": []}]}]),
    ("actions", [{"type": "Action.OpenUrl", "title": "x", "url": "javascript:alert(1)"}]),
    ("actions", [{"type": "Action.OpenUrl", "title": "x", "url": LINK}] * 7),
    ("actions", [{"type": "Action.Submit", "title": "x"}]),
    ("fallbackText", ""),
    ("speak", "anything"),
]


@pytest.mark.parametrize(("key", "value"), SPOILT)
def test_what_teams_could_not_show_is_refused_before_it_goes(key: str, value: Any) -> None:
    made = posting(OPEN)
    card = made["attachments"][0]["content"]
    with pytest.raises(ValueError, match="validation error"):
        checked(
            {**made, "attachments": [{**made["attachments"][0], "content": card | {key: value}}]}
        )


def test_what_is_too_large_is_refused_before_it_goes() -> None:
    made = posting(OPEN)
    card = made["attachments"][0]["content"]
    card["fallbackText"] = "x" * MOST_BYTES
    with pytest.raises(ValueError, match="bytes"):
        checked(made)


def test_a_chart_stands_in_the_card_with_its_limit_and_words_for_who_cannot_draw() -> None:
    times = tuple(NOON.timestamp() - 90.0 * n for n in range(40, -1, -1))
    values = (*(0.01 if n < 30 else 0.08 for n in range(40)), None)
    plot = Plot(
        title="CheckoutSlow", unit="", times=times, limit=0.05,
        curves=(Curve(name="value", values=values),),
    )  # fmt: skip
    card = fit(posting(OPEN, plot=plot))
    (chart,) = [part for part in card["body"] if part["type"] == "Chart.Line"]
    value, limit = chart["data"]
    assert (value["legend"], limit["legend"], limit["color"]) == ("value", "limit", "attention")
    assert [point["y"] for point in limit["values"]] == [0.05, 0.05]
    assert chart["xAxisTitle"] == "minutes before"
    assert "now 0.08, limit 0.05" in "".join(texts(chart["fallback"]))
    empty = replace(plot, curves=(Curve(name="value", values=(None,) * 41),))
    assert all(part["type"] != "Chart.Line" for part in fit(posting(OPEN, plot=empty))["body"])


@pytest.mark.parametrize("text", HOSTILE)
def test_a_chart_of_any_name_fits(text: str) -> None:
    times = tuple(float(n) for n in range(2_000))
    curve = Curve(name=text, values=tuple(1e300 if n % 7 else -1e-300 for n in range(2_000)))
    plot = Plot(title=text, unit=text, times=times, curves=(curve,) * 5, limit=1e308)
    fit(posting(replace(OPEN, title=text, summary=text, facts=((text, text),) * 30), plot=plot))


def test_the_headline_says_that_nobody_answered_or_was_reached() -> None:
    further = replace(OPEN, facts=(("State", "escalated to step 2, asked Bob"),))
    lost = replace(OPEN, facts=(("State", "triggered, asked Ada, not delivered"),))
    heads = [posting(it)["attachments"][0]["content"]["fallbackText"] for it in (further, lost)]
    assert [head.split(":")[0] for head in heads] == [
        "Escalated · critical",
        "Triggered · critical · not delivered",
    ]
