"""What an incident looks like in Slack: within every limit, literal, pinging only those asked."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.blocks import Rendering, history, packed, page, top
from bot.channels.mrkdwn import escaped, is_tame
from routing.delivery.channel import Action, Line, Message
from routing.delivery.compose import ACTIONS, SILENCES
from storage.model.alert import Severity
from storage.model.delivery import Purpose
from storage.model.incident import Status
from tests.vendors import slack_blocks

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CONSOLE = "https://tocsin.example.com/incidents/42"
NASTY = [
    "<!channel> <@U0BOSS> <https://evil.example|https://bank.example> & <!subteam^S1>",
    "*bold* _italic_ ~struck~ `code` ```\nblock\n``` :tada: > quote",
    "javascript:alert(1)",
    "https://evil.example/<x>|y",
    "\u202egnp.exe\u200b\x00",
]
SLOW = Message(
    purpose=Purpose.ROOM,
    title="#42 CheckoutSlow",
    incident=42,
    version=7,
    status=Status.TRIGGERED,
    severity=Severity.CRITICAL,
    summary="p99 of checkout is 3.2 s",
    facts=(
        ("State", "triggered, asked Ada"),
        ("Severity", "critical"),
        ("Since", "12:00 UTC"),
        ("Alerts", "2 of 2 firing\nSlow pod=a_1\nSlow pod=b_2"),
        ("Runbook", "https://wiki.example.com/checkout?a=1&b=2"),
    ),
    actions=ACTIONS[Status.TRIGGERED],
    asked=("U1",),
    link=CONSOLE,
)

text = st.one_of(
    st.text(max_size=60),
    st.sampled_from(NASTY),
    st.builds(lambda part, times: part * times, st.text(min_size=1, max_size=9), st.just(700)),
    st.builds(
        lambda part, times: part * times, st.sampled_from(["<", "&", "\U0001f525"]), st.just(1_600)
    ),
)
messages = st.builds(
    Message,
    purpose=st.just(Purpose.ROOM),
    title=text,
    incident=st.none() | st.integers(1, 10**9),
    version=st.integers(0, 10**6),
    status=st.none() | st.sampled_from(Status),
    severity=st.sampled_from(Severity),
    summary=text,
    facts=st.lists(st.tuples(text, text), max_size=14).map(tuple),
    actions=st.sampled_from(list(ACTIONS.values())),
    asked=st.lists(st.sampled_from(["U1", "W2", "C1", "!channel", "U1|x", "u1"]), max_size=30).map(
        tuple
    ),
    link=st.sampled_from(["", CONSOLE, *NASTY]),
)
lines = st.lists(
    st.builds(Line, id=st.integers(1, 10**6), at=st.just(NOON), text=text), min_size=1, max_size=60
)


def texts(thing: Any) -> Iterator[str]:
    """Every text in some blocks."""
    if isinstance(thing, dict):
        for key, value in thing.items():
            if key == "text" and isinstance(value, str):
                yield value
            else:
                yield from texts(value)
    elif isinstance(thing, list):
        for one in thing:
            yield from texts(one)


def shown(rendering: Rendering) -> str:
    return "\n".join(texts(rendering.blocks))


def pings(rendering: Rendering) -> set[str]:
    return set(re.findall(r"<@([^>]+)>", shown(rendering) + rendering.simple))


def hold(rendering: Rendering) -> None:
    """Fail unless Slack takes it, as a new message and as an edit, and nothing foreign acts."""
    assert slack_blocks.faults_of(rendering.blocks) == []
    assert slack_blocks.weight(rendering.blocks) <= slack_blocks.MESSAGE
    assert rendering.text
    assert len(rendering.text.encode()) <= 4_000
    for said in (*texts(rendering.blocks), rendering.text, rendering.simple):
        for control in re.findall(r"<[^>]*>?", said):
            assert re.fullmatch(r"<@[UW][A-Z0-9]+>|<https?://[^|<>\s]+>", control), control
        assert not re.search(r"&(?!(amp|lt|gt);)", said), "an entity was split"


def test_who_is_asked_is_mentioned_once_and_after_many_others() -> None:
    asked = ("U1",) * 20 + ("nobody",) * 20 + ("W2",)
    message = Message(purpose=Purpose.ROOM, title="#1 Slow", asked=asked)
    first = top(message, ping=True).blocks[1]["text"]["text"]
    assert re.findall(r"<@([^>]+)>", first) == ["U1", "W2"]


@settings(max_examples=50, deadline=None)
@given(messages, st.booleans())
def test_slack_takes_every_message(message: Message, ping: bool) -> None:
    rendering = top(message, ping=ping)
    hold(rendering)
    assert len(rendering.simple.encode()) <= 4_000
    allowed = {one for one in message.asked if re.fullmatch(r"[UW][A-Z0-9]+", one)}
    assert pings(rendering) == (allowed if ping else set())


@settings(max_examples=50, deadline=None)
@given(messages, st.sampled_from(Purpose), st.sampled_from(["U1", "C1", "!here"]), st.booleans())
def test_slack_takes_every_page(
    message: Message, purpose: Purpose, address: str, in_thread: bool
) -> None:
    rendering = page(replace(message, purpose=purpose), address, in_thread=in_thread)
    hold(rendering)
    assert pings(rendering) == ({"U1"} if address == "U1" else set())


@settings(max_examples=50, deadline=None)
@given(messages, lines)
def test_slack_takes_every_history_and_each_line_is_there(
    message: Message, told: list[Line]
) -> None:
    rendering = history(message, told)
    hold(rendering)
    assert shown(rendering).count("12:00:00 UTC") >= len(told)
    assert pings(rendering) == set()


@given(st.text(max_size=50), st.integers(1, 60))
def test_escaping_keeps_to_the_length_and_marks_the_cut(said: str, longest: int) -> None:
    found = escaped(said, longest)
    assert len(found.encode("utf-16-le", "surrogatepass")) // 2 <= longest
    assert found.endswith("…") or len(escaped(said, 10_000)) == len(found)


@given(st.lists(st.text(max_size=30), max_size=30))
def test_packing_loses_no_line(said: list[str]) -> None:
    parts = packed(said, 40)
    assert "\n".join(parts) == "\n".join(said)
    assert all(len(part) <= 40 for part in parts)


@pytest.mark.parametrize("said", NASTY)
def test_foreign_text_is_shown_as_it_was_typed(said: str) -> None:
    message = replace(SLOW, title=said, summary=said, facts=(("pod", said), (said, "1")))
    for part in blocks_texts(top(message, ping=False).blocks):
        if part["type"] == "mrkdwn":
            ours = re.sub(r":[a-z_]+:|[*·]|<https://tocsin[^>]*>", "", part["text"])
            assert is_tame(ours), part
            assert part["verbatim"]
        else:
            assert part["emoji"] is False


def blocks_texts(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        for part in (block.get("text"), *block.get("fields", ()), *block.get("elements", ())):
            if part and part["type"] in {"mrkdwn", "plain_text"}:
                yield part


STATES = {
    Status.GATHERING: ":hourglass_flowing_sand: *Gathering* · critical",
    Status.TRIGGERED: ":red_circle: *Triggered* · critical · <@U1> please answer",
    Status.ACKNOWLEDGED: ":large_yellow_circle: *Acknowledged* · critical",
    Status.SNOOZED: ":zzz: *Snoozed* · critical",
    Status.MUTED: ":no_bell: *Muted* · critical",
    Status.RESOLVED: ":white_check_mark: *Resolved* · critical",
}


@pytest.mark.parametrize("status", Status)
def test_the_state_is_said_in_words(status: Status) -> None:
    asked = ("U1",) if status is Status.TRIGGERED else ()
    message = replace(SLOW, status=status, actions=ACTIONS[status], asked=asked, facts=())
    rendering = top(message, ping=True)
    assert rendering.blocks[1]["text"]["text"] == STATES[status]
    assert rendering.text.startswith(f"{status.capitalize()}, critical: #42 CheckoutSlow")
    labels = [one["text"]["text"] for one in rendering.blocks[-1]["elements"] if "value" in one]
    assert labels == [action.label for action in ACTIONS[status]]


SAID = [
    (Status.TRIGGERED, "triggered, asked Ada, no data since 12:03 UTC", ":red_circle: *Triggered*, "
        "asked Ada :grey_question: *no data* since 12:03 UTC · critical"),
    (Status.TRIGGERED, "escalated to step 2, asked Ada and Cy, not delivered",
        ":red_circle: *Triggered*, escalated to step 2, asked Ada and Cy :warning: "
        "*not delivered* · critical"),
    (Status.ACKNOWLEDGED, "acknowledged by Ada until 16:00 UTC",
        ":large_yellow_circle: *Acknowledged* by Ada until 16:00 UTC · critical"),
    (Status.SNOOZED, "snoozed by <!here> & co until 12:30 UTC",
        ":zzz: *Snoozed* by &lt;!here&gt; &amp; co until 12:30 UTC · critical"),
    (Status.RESOLVED, "resolved by itself after 17 s",
        ":white_check_mark: *Resolved* by itself after 17 s · critical"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "state", "headline"), SAID)
def test_how_it_stands_is_the_first_thing_to_read(
    status: Status, state: str, headline: str
) -> None:
    shown = top(replace(SLOW, status=status, facts=(("State", state),), asked=()), ping=True)
    assert shown.blocks[1]["text"]["text"] == headline
    assert "State" not in json.dumps(shown.blocks), "said once"


def test_a_name_that_could_be_markup_stands_where_it_is_none() -> None:
    facts = (("State", "acknowledged by *Ada* :x: until 16:00 UTC"), ("Since", "12:00 UTC"))
    shown = top(replace(SLOW, status=Status.ACKNOWLEDGED, facts=facts, asked=()), ping=True)
    assert shown.blocks[1]["text"]["text"] == ":large_yellow_circle: *Acknowledged* · critical"
    assert shown.blocks[3]["fields"][0] == {
        "type": "plain_text",
        "text": "State\nacknowledged by *Ada* :x: until 16:00 UTC",
        "emoji": False,
    }


def test_facts_links_and_buttons_of_a_whole_message() -> None:
    blocks = top(SLOW, ping=True).blocks
    assert [block["type"] for block in blocks] == [
        "header", "section", "section", "section", "section", "context", "actions"
    ]  # fmt: skip
    fields = [field["text"] for field in blocks[3]["fields"]]
    assert fields == [
        "*Since*\n12:00 UTC",
        "*Runbook*\n<https://wiki.example.com/checkout?a=1&amp;b=2>",
    ]
    alerts = blocks[4]["text"]
    assert alerts["type"] == "plain_text", "underscores are shown, not taken for markup"
    assert alerts["text"] == "Alerts\n2 of 2 firing\nSlow pod=a_1\nSlow pod=b_2"
    *buttons, menu = blocks[6]["elements"]
    assert [one["action_id"] for one in buttons] == ["ack", "snooze 30m", "resolve"]
    assert {json.dumps(json.loads(one["value"])) for one in buttons} == {
        '{"incident": 42, "version": 7}'
    }
    assert [json.loads(one["value"]) for one in menu["options"]] == [
        {"incident": 42, "version": 7, "say": action.verb} for action in SILENCES
    ]
    assert all(len(one["value"]) <= 75 for one in menu["options"]), "Slack takes no longer ones"


def test_what_is_too_long_is_cut_with_a_mark_and_the_rest_is_linked() -> None:
    long = replace(SLOW, summary="x" * 9_000, facts=(("Alerts", "y\n" * 9_000),))
    blocks = top(long, ping=False).blocks
    assert blocks[2]["text"]["text"].endswith("x…")
    assert blocks[3]["text"]["text"].endswith("…")
    assert blocks[4]["elements"][0]["text"] == f"More: <{CONSOLE}>"


def test_more_facts_than_slack_shows_are_counted() -> None:
    facts = tuple((f"f{number}", "1") for number in range(13))
    fields = top(replace(SLOW, facts=facts), ping=False).blocks[3]["fields"]
    assert len(fields) == 10
    assert fields[-1]["text"] == "… and 4 more"


def test_a_page_in_the_thread_says_how_to_answer() -> None:
    rendering = page(replace(SLOW, purpose=Purpose.PAGE), "U2", in_thread=True)
    assert shown(rendering) == (
        "<@U2> please answer: :red_circle: *Triggered* · critical\n"
        "#42 CheckoutSlow\np99 of checkout is 3.2 s\n"
        "Answer with the buttons above or `/tocsin ack 42`\n"
        f"More: <{CONSOLE}>"
    )


def test_a_history_reads_in_order() -> None:
    told = [
        Line(id=1, at=NOON, text="Opened"),
        Line(id=2, at=NOON + timedelta(seconds=3), text="Acknowledged by Ada: <!here>"),
    ]
    rendering = history(SLOW, told)
    assert shown(rendering) == (
        "12:00:00 UTC Opened\n12:00:03 UTC Acknowledged by Ada: &lt;!here&gt;"
    )
    assert rendering.text == "Acknowledged by Ada: &lt;!here&gt;"


def test_a_button_that_is_unknown_to_slack_is_left_out_of_notices() -> None:
    notice = Message(
        purpose=Purpose.NOTICE, title="Slack is unwell", actions=(Action(verb="x", label="x"),)
    )
    assert all(block["type"] != "actions" for block in top(notice, ping=False).blocks)
