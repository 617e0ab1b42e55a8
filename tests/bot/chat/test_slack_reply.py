"""Answers as Slack shows them: literal, within every limit, what is cut is marked."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chat.slack_reply import comment, fenced, rendered
from bot.chat.verb import Reply
from tests.vendors import slack_blocks

words = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["<!channel>", "```", "*b* _i_", "=1+1", "\n\n", "\U0001f525" * 50]),
    st.builds(lambda part, times: part * times, st.text(min_size=1, max_size=5), st.just(900)),
)
tables = st.lists(st.lists(words, min_size=0, max_size=6), max_size=40)


@settings(max_examples=60, deadline=None)
@given(st.lists(words, max_size=30).map("\n".join), tables)
def test_slack_takes_every_answer(text: str, table: list[list[str]]) -> None:
    reply = Reply(text, table=table)
    shown = rendered(reply)
    assert slack_blocks.faults_of(shown.blocks) == []
    assert slack_blocks.weight(shown.blocks) <= slack_blocks.MESSAGE
    assert shown.text
    said = json.dumps(shown.blocks, ensure_ascii=False) + shown.text + comment(reply)
    assert "<" not in said
    assert len(comment(reply)) <= 3_100


def test_a_table_stands_in_columns_and_cannot_break_out() -> None:
    table = [["rule", "n"], ["Check<out>", "12"], ["``` *x*", "3"]]
    assert fenced(table) == ("```\nrule        n\nCheck&lt;out&gt;  12\n''' *x*     3\n```")


def test_rows_that_find_no_room_are_counted() -> None:
    table = [[f"rule-{number}", "x" * 30] for number in range(200)]
    shown = fenced(table)
    kept = len(re.findall(r"^rule-", shown, re.MULTILINE))
    assert shown.endswith(f"\n… {200 - kept} more rows\n```")
    assert kept > 50


def test_lines_that_find_no_room_are_counted() -> None:
    text = "\n".join(f"{number} {'y' * 80}" for number in range(300))
    last = rendered(Reply(text)).blocks[-1]["text"]["text"]
    said = sum(block["text"]["text"].count("y" * 80) for block in rendered(Reply(text)).blocks)
    assert last.endswith(f"… {300 - said} more lines")


@pytest.mark.parametrize("text", ["", "  ", "\n\n"])
def test_an_empty_answer_says_at_least_that_it_is_done(text: str) -> None:
    assert rendered(Reply(text)).blocks[0]["text"]["text"] == "Done."


def test_people_read_what_was_said() -> None:
    blocks = rendered(Reply("#1 *Disk* <full>: yours\n  #2: unknown")).blocks
    assert blocks == [
        {
            "type": "section",
            "text": {
                "type": "plain_text",
                "text": "#1 *Disk* &lt;full&gt;: yours\n#2: unknown",
                "emoji": False,
            },
        }
    ]
