"""People in Slack: commands and buttons, who may, what is done once, what everybody sees."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.chat import slack as mouth
from bot.chat.slack_press import FORGED
from bot.chat.verb import Attachment, Reply
from storage.model.incident import Status, Verdict
from tests.bot.chat.slack_office import Office, heard, office
from tests.routing.town import alert
from tests.vendors.faults import Failure, Fault
from tests.vendors.slack_workspace import Channel, Message


@pytest.fixture(params=["socket", "http"])
async def place(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    async with office(tmp_path, over=request.param) as made:
        yield made


VERDICTS = ["verdict real", "verdict false", "verdict none"]


def shown(top: Message) -> list[str]:
    """The labels of a message's buttons."""
    return [one["text"]["text"] for one in top.blocks[-1]["elements"]]


def buttons(place: Office) -> list[str]:
    return place.server.messages("C1")[-1].actions


async def test_a_command_is_answered_to_the_one_who_typed_it(place: Office) -> None:
    await place.fire()
    assert "yours for" in await place.ask("ack 1 for 2h looking at it")
    assert (await place.town.incident()).owner == "ada"
    assert place.server.space.ephemerals[-1].visible_to == "U1"


async def test_a_token_in_the_environment_is_no_cause_for_a_warning(
    place: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-of-the-configuration")
    place.another_mouth()
    assert [record.getMessage() for record in caplog.records if "token" in record.msg] == []


async def test_no_word_at_all_is_help(place: Office) -> None:
    assert "ack" in await place.ask("")


async def test_a_command_that_nobody_knows_is_answered(place: Office) -> None:
    assert "akc" in await place.ask("akc 1")


async def test_short_forms_answer_where_they_are_switched_on(tmp_path: Path) -> None:
    async with office(tmp_path, short_forms=True) as place:
        await place.fire()
        assert "CheckoutSlow" in await place.ask("", command="/alerts")
        assert "yours for" in await place.ask("1", command="/ack")


async def test_buttons_do_what_the_words_do_and_the_message_follows(place: Office) -> None:
    await place.fire()
    assert "yours for" in await place.press("ack")
    await place.deliver()
    assert buttons(place) == ["snooze 30m", "resolve", "more"]
    await place.press("snooze 30m")
    await place.deliver()
    assert (await place.town.incident()).status is Status.SNOOZED
    await place.press("resolve", user="U2")
    await place.deliver()
    assert buttons(place) == VERDICTS
    assert len(place.server.messages("C1")) == 1


async def test_one_tap_says_what_it_was_worth_and_another_changes_it(place: Office) -> None:
    await place.fire()
    await place.press("resolve")
    await place.deliver()
    assert "noted, a false alarm" in await place.press("verdict false")
    await place.deliver()
    (top,) = place.server.messages("C1")
    assert shown(top) == ["Real alarm", "✓ False alarm", "No action needed"]
    await place.press("verdict false")
    await place.press("verdict real", user="U2")
    await place.deliver()
    incident = await place.town.incident()
    assert (incident.verdict, incident.verdict_by) == (Verdict.REAL, "bob")
    said = [fact for fact in await place.town.facts() if fact.startswith("verdict")]
    assert said == [
        "verdict by ada: a false alarm",
        "verdict by bob: a real alarm, not a false alarm",
    ]
    assert shown(top) == ["✓ Real alarm", "False alarm", "No action needed"]
    told = [str(reply.blocks) for reply in place.server.thread("C1", top.ts)]
    assert "Verdict by Bob: a real alarm, not a false alarm" in told[-1]


async def test_two_people_at_once_one_wins_and_both_see_who(place: Office) -> None:
    await place.fire()
    answers = await asyncio.gather(place.press("ack"), place.press("ack", user="U2"))
    won = [answer for answer in answers if "yours for" in answer]
    assert len(won) == 1
    winner = (await place.town.incident()).owner
    (lost,) = [answer for answer in answers if answer not in won]
    assert str(winner).title() in lost
    facts = await place.town.facts()
    assert len([fact for fact in facts if fact.startswith("acknowledged by")]) == 1


async def test_a_double_click_takes_once(place: Office) -> None:
    await place.fire()
    first, second = await asyncio.gather(place.press("ack"), place.press("ack"))
    assert sorted("yours for" in answer for answer in (first, second)) == [False, True]


async def test_a_stale_button_is_told_and_its_message_put_right(place: Office) -> None:
    top = await place.fire()
    await place.ask("resolve 1 fixed", user="U2")
    await place.deliver()
    # The edit got lost on somebody's screen: the old buttons still stand there.
    place.server.space.edit(top, "old", top.editions[0].blocks)
    answer = await place.press("ack")
    assert "resolved" in answer
    assert "Bob" in answer
    assert (await place.town.incident()).status is Status.RESOLVED
    await place.deliver()
    assert top.actions == VERDICTS


async def test_a_forged_number_is_refused_and_kept_in_the_record(place: Office) -> None:
    await place.fire()
    await place.town.fire(alert("DiskFull"))
    await place.deliver()
    top = place.server.messages("C1")[0]
    _forge(top, json.dumps({"incident": 2, "version": 1}))
    assert await place.press("ack", ts=top.ts) == FORGED
    assert (await place.town.incident(2)).status is Status.TRIGGERED
    assert await place.refusals() == [("ada", "a button said 'ack 2' on a message that shows #1")]


@pytest.mark.parametrize(
    "value", ["", "12", "[]", "{}", '{"incident": "1; drop"}', '{"incident": true}', "{", "null"]
)
async def test_an_odd_value_is_refused(place: Office, value: str) -> None:
    top = await place.fire()
    _forge(top, value)
    assert await place.press("ack", ts=top.ts) == FORGED
    assert (await place.town.incident()).status is Status.TRIGGERED


async def test_a_button_on_a_message_that_is_not_ours_does_nothing(place: Office) -> None:
    top = await place.fire()
    fake = place.server.space.post("C1", "U3", "look", top.blocks)
    assert "do not know this message" in await place.press("ack", ts=fake.ts)
    assert (await place.town.incident()).status is Status.TRIGGERED


async def test_a_press_before_the_post_is_written_down_counts_and_a_stray_copy_goes(
    place: Office,
) -> None:
    top = await place.fire()
    await place.forget_posts()
    assert "yours for" in await place.press("ack", ts=top.ts)
    await place.server.until(lambda: not place.server.messages("C1"))


async def test_strangers_are_told_how_to_be_added_and_change_nothing(place: Office) -> None:
    top = await place.fire()
    for answer in (await place.ask("ack 1", user="U3"), await place.press("ack", user="U3")):
        assert "U3" in answer
        assert "`people`" in answer
    assert (await place.town.incident()).status is Status.TRIGGERED
    assert [actor for actor, _ in await place.refusals()] == ["U3", "U3"]
    assert top.actions == ["ack", "snooze 30m", "resolve", "more"]


async def test_who_may_only_look_may_not_take(place: Office) -> None:
    await place.fire()
    assert "Not allowed" in await place.ask("ack 1", user="U4")
    assert "CheckoutSlow" in await place.ask("alerts", user="U4")
    assert [actor for actor, _ in await place.refusals()] == ["watcher"]


async def test_what_people_type_is_data_too(place: Office) -> None:
    await place.fire()
    await place.ask("ack 1 &lt;!channel&gt; *now* &amp; here")
    assert "<!channel> *now* & here" in str(await place.town.facts())
    await place.ask("<!here> <@U2>")
    await place.deliver()
    space = place.server.space
    for message in (*space.posted, *space.ephemerals):
        assert "<!" not in message.text + json.dumps(message.blocks)
        assert "<@U2>" not in message.text + json.dumps(message.blocks)


async def test_a_command_delivered_twice_is_done_once_and_answered_twice(place: Office) -> None:
    await place.fire()
    said = await place.server.command("/tocsin", "ack 1 once")
    first = await heard(said)
    await place.server.redeliver(said)
    assert await heard(said) == first
    await place.server.until(lambda: len(said.acks) == 2)
    assert sum("once" in fact for fact in await place.town.facts()) == 1


async def test_a_press_delivered_again_to_a_new_start_is_done_once(place: Office) -> None:
    top = await place.fire()
    pressed = await place.server.press("C1", top.ts, "ack")
    await heard(pressed)
    await place.restart()
    await place.server.redeliver(pressed)
    assert await heard(pressed) == mouth.TWICE


async def test_twenty_commands_at_once_are_all_acknowledged_in_time(place: Office) -> None:
    await place.fire()
    sent = [await place.server.command("/tocsin", "alerts", user="U1") for _ in range(20)]
    acks = await asyncio.gather(*(one.ack() for one in sent))
    assert not [ack for ack in acks if ack.late]
    answers = [await heard(one) for one in sent]
    assert all("CheckoutSlow" in answer for answer in answers)


async def test_the_database_away_is_said_plainly(place: Office) -> None:
    await place.fire()
    await place.town.database.close()
    answer = await place.ask("ack 1")
    assert "Traceback" not in answer
    assert "database" in answer.lower() or "nothing was done" in answer


@pytest.mark.parametrize(
    "fault",
    [
        Fault(failure=Failure.STATUS, method="response_url", times=1),
        Fault(failure=Failure.RESET, method="response_url", times=1),
    ],
    ids=lambda fault: fault.failure.value,
)
async def test_an_answer_that_slack_did_not_take_is_told_again(
    place: Office, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mouth, "TELLING", (0.0, 0.01))
    await place.fire()
    place.server.faults.add(fault)
    assert "CheckoutSlow" in await place.ask("alerts")


async def test_while_slacks_api_is_unwell_commands_are_still_acknowledged(place: Office) -> None:
    await place.fire()
    place.server.faults.add(Fault(failure=Failure.STATUS, method="auth.test"))
    assert "CheckoutSlow" in await place.ask("alerts")
    assert "auth.test" not in {call.method for call in place.server.calls()}


CHART = Attachment(name="alerts.png", media_type="image/png", content=b"\x89PNG" + bytes(64))
ROWS = Attachment(name="alerts.csv", media_type="text/csv", content=b"a,b\n1,2\n")
REPORT = Reply(
    "Alerts of the last day",
    table=[["rule", "incidents"], ["Check<out>`", "12"]],
    attachments=(CHART, ROWS),
    public=True,
)


async def _slow_report(*_: Any, **__: Any) -> Reply:
    return REPORT


async def test_a_report_is_posted_for_everyone_with_its_files(
    place: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mouth, "speak", _slow_report)
    assert await place.ask("report alerts", first=True) == mouth.WORKING
    await place.server.until(lambda: place.server.messages("C1"))
    (post,) = place.server.messages("C1")
    assert post.text == (
        "Alerts of the last day\n```\nrule         incidents\nCheck&lt;out&gt;'  12\n```"
    )
    assert [file["name"] for file in post.files] == ["alerts.png", "alerts.csv"]
    contents = [file["content"] for file in place.server.space.files.values()]
    assert contents == [CHART.content, ROWS.content]


async def test_where_files_cannot_go_the_text_does_and_says_why(
    place: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mouth, "speak", _slow_report)
    place.server.space.add_channel(Channel(id="C2", name="elsewhere", is_member=False))
    asked = await place.server.command("/tocsin", "report alerts", channel="C2")
    assert await heard(asked) == mouth.WORKING
    answer = await asked.reply()
    assert "/invite @tocsin" in answer.text
    assert answer.payload["response_type"] == "in_channel"


async def _hung(*_: Any, **__: Any) -> Reply:
    await asyncio.Event().wait()
    return Reply("")


async def test_work_without_end_is_given_up_and_said(
    place: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mouth, "speak", _hung)
    monkeypatch.setattr(mouth, "SOON", 0.01)
    monkeypatch.setattr(mouth, "PATIENCE", 0.05)
    asked = await place.server.command("/tocsin", "alerts")
    assert await heard(asked) == mouth.WORKING
    assert (await asked.reply()).text == mouth.LATE


async def test_too_many_at_once_are_told_to_come_back(
    place: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mouth, "speak", _hung)
    monkeypatch.setattr(mouth, "MOST_AT_ONCE", 1)
    await place.server.command("/tocsin", "alerts")
    assert await place.ask("alerts") == mouth.BUSY
    await place.mouth.stop(patience=0.0)


async def _broken(*_: Any, **__: Any) -> Reply:
    raise RuntimeError("secret detail")


async def test_a_fault_of_our_own_is_no_stack_trace_to_people(
    place: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mouth, "speak", _broken)
    answer = await place.ask("alerts")
    assert "failed inside Tocsin" in answer
    assert "secret" not in answer


def _forge(message: Any, value: str) -> None:
    for block in message.blocks:
        if block["type"] == "actions":
            for element in block["elements"]:
                element["value"] = value
