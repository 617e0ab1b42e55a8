"""Slack's wire broken: forged, replayed, throttled, half answered, killed in the middle."""

import asyncio
import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bot.chat.slack_http import PATH
from tests.promises.conftest import Found
from tests.promises.tocsin import Json, Tocsin, sample
from tests.promises.town import (
    FULL,
    PHONES,
    ROOM,
    SLACK_IDS,
    number_of,
    over_http,
    step,
    texts,
    town,
)
from tests.vendors.process import Remote
from tests.vendors.slack_page import page

SENT = "chat.postMessage"


async def started(tocsin: Tocsin, slack: Remote, *, http: bool = False) -> None:
    await tocsin.start()
    if http:
        await slack.ask("listen", url=tocsin.url + PATH)
    await slack.ask("connected")


async def opened(tocsin: Tocsin, incidents: int) -> None:
    count = "select count(*) from incidents"
    await tocsin.until(lambda: tocsin.count(count) == incidents, 20)


async def tops(slack: Remote, incidents: int, within: float = 30) -> dict[int, list[Json]]:
    """Return the messages of the room by incident, as soon as each has one."""
    end = time.monotonic() + within
    while True:
        found: dict[int, list[Json]] = {}
        for message in await slack.ask("messages", channel=ROOM):
            found.setdefault(number_of(message["text"]), []).append(message)
        if len(found) >= incidents or time.monotonic() > end:
            return found
        await asyncio.sleep(0.1)


# forged and replayed (51), delivered again (17)


async def test_requests_that_are_forged_or_sent_again_do_nothing(
    found: Found, twilio: Remote, slack: Remote
) -> None:
    tocsin = found(over_http(town(twilio, slack), slack))
    await started(tocsin, slack, http=True)
    await tocsin.send([sample("level", 95, instance="a")])
    top = (await tops(slack, 1))[1][0]
    body = f"command=%2Ftocsin&text=resolve+1&user_id={SLACK_IDS['ada']}&channel_id={ROOM}"
    for headers in ({}, {"X-Slack-Signature": "v0=0", "X-Slack-Request-Timestamp": "now"}):
        assert await slack.ask("post", body=body, headers=headers) == 401
    assert await slack.ask("post", body=body, at=time.time() - 301) == 401
    assert tocsin.count("select count(*) from incidents where status = 'triggered'") == 1

    pressed = await slack.ask(
        "press", channel=ROOM, ts=top["ts"], action_id="ack", user=SLACK_IDS["ada"]
    )
    assert pressed["statuses"] == [200]
    taken = "select count(*) from audit where what = 'acknowledged'"
    await tocsin.until(lambda: tocsin.count(taken) == 1, 10)
    envelope = pressed["envelope_id"]
    await tocsin.until(lambda: _answers(slack, envelope, 1), 10)
    assert await slack.ask("replay", envelope_id=envelope) == 200
    await tocsin.kill()
    await started(tocsin, slack, http=True)
    assert await slack.ask("replay", envelope_id=envelope) == 200
    again = await slack.ask("redeliver", envelope_id=envelope)
    assert again["statuses"] == [200] * 4, "Slack's own repeat is answered"
    await tocsin.until(lambda: _answers(slack, envelope, 2), 10)
    assert tocsin.count(taken) == 1
    assert await slack.ask("event", event={"type": "app_home_opened", "user": "U1"}) == [200] * 3
    assert "Traceback" not in tocsin.log
    assert await tocsin.stop() == 0


async def _answers(slack: Remote, envelope: str, many: int) -> bool:
    return len((await slack.ask("interaction", envelope_id=envelope))["replies"]) == many


# one message a second (12)

CALM, NEWS, LOUD, PACE = 30, 24, 6, 3.0
QUIETER = (("Calm", "calm", "warning"), ("News", "news", "informational"))


async def test_a_storm_at_slacks_pace_and_criticals_overtake(
    found: Found, tmp_path: Path, twilio: Remote, slack: Remote
) -> None:
    """Product and Slack at three times their pace, so that a message a second is three."""
    rule = FULL["groups"][0]["rules"][0]
    more = [
        rule | {"alert": name, "expr": f"{metric} > 90", "labels": {"severity": severity}}
        for name, metric, severity in QUIETER
    ]
    rules = {"groups": [{"name": "all", "interval": "1s", "rules": [*more, rule]}]}
    (tmp_path / "pace").write_text(str(PACE))
    tocsin = found(
        town(twilio, slack),
        rules,
        program=("-m", "tests.promises.tampered"),
        environ={"TAMPER_PACE": str(tmp_path / "pace")},
    )
    await slack.ask("limits", a_minute=60.0 * PACE, burst=4)
    await started(tocsin, slack)
    now = await tocsin.clock()
    storm = [sample("calm", 95, now, instance=f"c{n}") for n in range(CALM)]
    await tocsin.send(storm + [sample("news", 95, now, instance=f"n{n}") for n in range(NEWS)])
    await opened(tocsin, CALM + NEWS)
    await tocsin.until(lambda: _calls(slack, 3), 20)
    began, now = time.monotonic(), await tocsin.clock()
    await tocsin.send([sample("level", 95, now, instance=f"l{n}") for n in range(LOUD)])
    await opened(tocsin, CALM + NEWS + LOUD)
    await _answered_meanwhile(slack, "alerts")
    loud = tocsin.rows("select id from incidents where severity = 'critical'")
    await _answered_meanwhile(slack, f"ack {loud[-1]['id']}")
    found_all = await _visible(slack, CALM + NEWS + LOUD, 90)
    took = (time.monotonic() - began) * PACE
    print(f"all {len(found_all)} visible after {took:.0f} s of the product's time")
    assert took <= 120
    news = {row["id"] for row in tocsin.rows("select id from incidents where title like 'News%'")}
    assert len({found_all[number] for number in news}) <= 2, "what waited for the room was merged"
    order = sorted(found_all.keys() - news, key=lambda number: found_all[number])
    last_loud = max(order.index(row["id"]) for row in loud)
    assert last_loud < CALM - 5, "criticals do not wait for what is less urgent"
    calls = await slack.ask("calls")
    limited = [call for call in calls if call["status"] == 429]
    print(f"429: {len(limited)} of {len(calls)} calls")
    assert len(limited) <= 0.02 * len(calls) + 1
    assert await slack.ask("impatient") == []
    assert await tocsin.stop() == 0


async def _answered_meanwhile(slack: Remote, text: str) -> None:
    typed = await slack.ask("command", command="/tocsin", text=text, user=SLACK_IDS["ada"])
    assert typed["acks"]
    assert not typed["acks"][0]["late"], "people are answered meanwhile"
    async with asyncio.timeout(10):
        while not await _answers(slack, typed["envelope_id"], 1):
            await asyncio.sleep(0.05)


async def _visible(slack: Remote, incidents: int, within: float) -> dict[int, float]:
    """Return when each incident could first be seen in the room, alone or among others."""
    end = time.monotonic() + within
    while True:
        found: dict[int, float] = {}
        for message in await slack.ask("messages", channel=ROOM):
            for number in _numbers(message["editions"][0]):
                found[number] = min(message["at"], found.get(number, message["at"]))
        if len(found) >= incidents or time.monotonic() > end:
            return found
        await asyncio.sleep(0.1)


def _numbers(edition: Json) -> set[int]:
    """Read the incidents that a message names: `#3, #5-#9`."""
    texts = [block["text"]["text"] for block in edition["blocks"] if "text" in block]
    spans = re.findall(r"#(\d+)(?:-#(\d+))?", " ".join(texts))
    return {n for first, last in spans for n in range(int(first), int(last or first) + 1)}


async def _calls(slack: Remote, many: int) -> bool:
    return len(await slack.ask("calls", method=SENT)) >= many


async def test_retry_after_is_kept_to_the_second(
    found: Found, twilio: Remote, slack: Remote
) -> None:
    tocsin = found(town(twilio, slack))
    await slack.ask("fault", failure="rate_limit", seconds=3, method=SENT, times=1)
    await started(tocsin, slack)
    await tocsin.send([sample("level", 95, instance=f"h{n}") for n in range(2)])
    assert {len(of) for of in (await tops(slack, 2)).values()} == {1}
    assert await slack.ask("impatient") == []
    assert await tocsin.stop() == 0


# done and not confirmed (3), half answers (15)

AMBIGUOUS = [
    {"failure": "truncated"},
    {"failure": "reset", "work_done": True},
    {"failure": "html", "work_done": True},
]


@pytest.mark.parametrize("alone", [False, True], ids=["room", "person-alone"])
async def test_what_slack_took_and_did_not_confirm_stands_once(
    found: Found, twilio: Remote, slack: Remote, alone: bool
) -> None:
    """Every second message is taken and answered badly, and between two of them comes kill -9."""
    tocsin = found(_alone(town(twilio, slack)) if alone else town(twilio, slack))
    await slack.ask("limits", enforced=False)
    for fault in AMBIGUOUS:
        await slack.ask("fault", method=SENT, every=4, **fault)
    await started(tocsin, slack)
    await tocsin.send([sample("level", 95, instance=f"h{n}") for n in range(6)])
    await opened(tocsin, 6)
    await tocsin.until(lambda: _calls(slack, 4), 20)
    await slack.ask("mend")
    # What is sent from here on is done, and its sender killed before it hears of it.
    await slack.ask("fault", method=SENT, failure="hang", seconds=30, work_done=True)
    await tocsin.send([sample("level", 95, instance=f"k{n}") for n in range(2)])
    await opened(tocsin, 8)
    calls = len(await slack.ask("calls", method=SENT))
    await slack.ask("wait", method=SENT, calls=calls + 1, within=10)
    await tocsin.kill()
    await slack.ask("mend")
    await started(tocsin, slack)
    place = f"D{SLACK_IDS['ada']}" if alone else ROOM
    stands = Counter[int]()
    async with asyncio.timeout(60):
        while set(stands) != set(range(1, 9)):
            messages = await slack.ask("messages", channel=place)
            stands = Counter(number_of(message["text"]) for message in messages)
            await asyncio.sleep(0.2)
    await tocsin.until(lambda: _is_quiet(tocsin), 20)
    messages = await slack.ask("messages", channel=place)
    assert Counter(number_of(message["text"]) for message in messages) == dict.fromkeys(
        range(1, 9), 1
    )
    assert "Traceback" not in tocsin.log, "no stack trace, whatever came for an answer"
    assert await tocsin.stop() == 0


async def _is_quiet(tocsin: Tocsin) -> bool:
    waiting = "select count(*) from outbox where status = 'waiting' and channel = 'slack'"
    return tocsin.count(waiting) == 0


def _alone(config: Json) -> Json:
    """Show incidents on the console and ask Ada in Slack, where no room is."""
    config["channels"]["console"] = {}
    config["people"]["ada"]["contacts"] = ["slack", "sms"]
    config["policies"]["default"]["rooms"] = [{"console": "alarms"}]
    config["policies"]["default"]["steps"] = [step("ada", 0, "slack"), step("ben", 600)]
    return config


# a member leaves, a channel is archived or renamed (42)


async def test_who_leaves_and_what_is_archived_is_gone_round_and_told(
    found: Found, twilio: Remote, slack: Remote
) -> None:
    tocsin = found(_alone(town(twilio, slack)))
    await started(tocsin, slack)
    await slack.ask("user", id=SLACK_IDS["ada"], name="ada", deleted=True)
    await tocsin.send([sample("level", 95, instance=f"h{n}") for n in range(3)])
    await tocsin.until(lambda: _rung(twilio, 3), 20)
    await tocsin.until(lambda: _advised(twilio, "deactivated"), 20)
    assert await tocsin.stop() == 0


async def test_an_archived_room_is_gone_round_and_a_renamed_one_is_the_same(
    found: Found, twilio: Remote, slack: Remote
) -> None:
    config = town(twilio, slack, [step("ada", 0, "slack"), step("ben", 600)])
    tocsin = found(config)
    await started(tocsin, slack)
    await slack.ask("channel", id=ROOM, name="renamed")
    await tocsin.send([sample("level", 95, instance="a")])
    assert set(await tops(slack, 1)) == {1}, "ids are kept, not names"
    await slack.ask("channel", id=ROOM, name="renamed", is_archived=True)
    await tocsin.send([sample("level", 95, instance="b")])
    await tocsin.until(lambda: _rung(twilio, 1), 20)
    await tocsin.until(lambda: _advised(twilio, "unarchive"), 20)
    assert await tocsin.stop() == 0


async def _rung(twilio: Remote, many: int) -> bool:
    pages = [it for it in texts(await twilio.ask("messages")) if it[2]]
    return len({number for number, to, _, _ in pages if to == PHONES["ada"]}) == many


async def _advised(twilio: Remote, word: str) -> bool:
    told = [it["body"] for it in await twilio.ask("messages") if word in it["body"]]
    assert len(told) <= 1, "administrators hear once"
    return bool(told)


# hostile text (14, 53)

EVIL = (
    "<!channel> <!here> <@U0BEN0001> <!subteam^S1> <http://evil.example|https://bank.example> "
    "*bold* _it_ ~no~ `code` ```fence``` > quote :rotating_light: &amp;lt;!channel&amp;gt; "
    "<script>alert(1)</script> =cmd|' /C calc'!A0 \u202egpj.exe\u202c \u05e9\u05dc\u05d5\u05dd "
    "\U0001f6a8\U0001f469\u200d\U0001f692 {{ 7*7 }} ${7*7} \r\n\r\nBcc: x\x1b[31m"
)
LONG = (EVIL + " ") * 40
RULE: Json = {
    "alert": "Evil",
    "expr": "evil > 90",
    "labels": {"severity": "critical", "note": "{{ $labels.said }}"},
    "annotations": {
        "summary": "{{ $labels.said }} " + LONG.replace("{{ 7*7 }}", ""),
        "description": LONG.replace("{{ 7*7 }}", ""),
        "runbook_url": "https://ok.example/<!channel>",
    },
}


async def test_hostile_text_is_text_in_slack_within_its_limits(
    found: Found, twilio: Remote, slack: Remote
) -> None:
    config = town(twilio, slack, [step("ada", 0, "chat", "sms"), step("ben", 1, "chat")])
    config["people"]["ada"]["name"] = "Ada <!channel> *x* :x:"
    config["people"]["ada"]["addresses"] = {}
    rules = {"groups": [{"name": "evil", "interval": "1s", "rules": [RULE]}]}
    tocsin = found(config, rules)
    await slack.ask("limits", enforced=False)
    await started(tocsin, slack)
    evil = sample("evil", 95, instance=EVIL, said=LONG[:2_000], a_b_c=EVIL)
    assert await tocsin.send([evil, sample("evil", 96, instance="b")]) == 204
    assert set(await tops(slack, 2)) == {1, 2}
    await tocsin.until(lambda: _threads(slack), 20)
    for text in (
        f"ack 1 {LONG}",
        EVIL,
        f"show 1 {EVIL}",
        "show 1",
        f"snooze 2 30m {EVIL}",
        "alerts",
    ):
        typed = await slack.ask(
            "command", command="/tocsin", text=text, user=SLACK_IDS["ada"], channel=ROOM
        )
        assert typed["acks"]
        await tocsin.until(lambda it=typed: _answers(slack, it["envelope_id"], 1), 10)
    await asyncio.sleep(0.5)
    calls = await slack.ask("calls")
    refused = [(call["method"], call["error"]) for call in calls if call["error"]]
    assert refused == [], "within every limit, without a second try"
    said = await slack.ask("everything") + await slack.ask("ephemerals")
    assert len(said) > 8
    for message in said:
        for edition in message["editions"]:
            _holds(edition)
    names = {id: name for name, id in SLACK_IDS.items()}
    html = page([("", message, []) for message in said], names)
    pinged = {part.split("</span>")[0] for part in html.split('<span class="ping">')[1:]}
    assert pinged <= {"@ada", "@ben"}, "only those who are asked"
    for shown in ("&lt;!channel&gt;", "*bold*", "_it_", ":rotating_light:", "```fence```"):
        assert shown in html, "as it was written"
    assert ">49<" not in html
    assert " 49 " not in html
    assert await tocsin.stop() == 0


async def _threads(slack: Remote) -> bool:
    return any(message["thread_ts"] for message in await slack.ask("everything"))


def _holds(edition: Json) -> None:
    """What Slack would act on is ours: mentions of those asked, links that show their target."""
    whole = json.dumps(edition["blocks"], ensure_ascii=False) + edition["text"]
    assert "<!" not in whole
    assert "<http://evil" not in whole
    assert "\\u202e" not in whole
    assert "\u202e" not in whole
    assert "\x1b" not in whole
    for button in _buttons(edition["blocks"]):
        assert set(json.loads(button["value"])) - {"say"} == {"incident", "version"}


def _buttons(blocks: list[Json]) -> list[Any]:
    return [
        one
        for block in blocks
        if block["type"] == "actions"
        for element in block["elements"]
        for one in element.get("options", [element])
    ]
