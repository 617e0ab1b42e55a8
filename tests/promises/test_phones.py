"""Phones, from outside: late failures, STOP, answers and calls, over kill -9 and behind a proxy."""

from typing import Any

import aiohttp
import pytest

from tests.promises.conftest import Found
from tests.promises.tocsin import Json, Tocsin, sample
from tests.promises.town import PHONES, step, town
from tests.vendors.process import Remote

PUBLIC = "https://tocsin.example.com"
SOON, FALLBACK = 20.0, 30.0
ADA, BEN = PHONES["ada"], PHONES["ben"]


def configured(twilio: Remote, *, public: bool = True, **more: Any) -> Json:
    """Ada by SMS, or as `by` says, and then in an hour Ben."""
    config = town(twilio, steps=[step("ada", 0, *more.get("by", ["sms"])), step("ben", 3600)])
    config["people"]["ada"]["contacts"] = more.get("contacts", ["sms", "console"])
    if public:
        config["server"]["public_url"] = PUBLIC
    account = {k: v for k, v in config["channels"]["sms"].items() if k != "verify"}
    if "voice" in more.get("by", []):
        config["channels"]["voice"] = account
    return config


async def serving(tocsin: Tocsin, twilio: Remote) -> None:
    """Start it, behind the proxy that its public address leads to."""
    await tocsin.start()
    await twilio.ask("place", public=PUBLIC, inside=tocsin.url)


async def texts(twilio: Remote, to: str) -> list[str]:
    return [it["body"] for it in await twilio.ask("messages", to=to)]


def pages(tocsin: Tocsin) -> list[tuple[str, str, str]]:
    rows = tocsin.rows("SELECT person, channel, status FROM outbox WHERE purpose = 'page'")
    return [tuple(row) for row in rows]


async def test_an_sms_that_fails_late_goes_the_next_way(found: Found, twilio: Remote) -> None:
    await twilio.ask("fate", to=ADA, end="undelivered", error=30003, pause=0.2)
    tocsin = found(configured(twilio, contacts=["sms"]))
    await serving(tocsin, twilio)
    await tocsin.send([sample("level", 95, instance="a")])
    await tocsin.until(lambda: ("ada", "sms", "failed") in pages(tocsin), FALLBACK)
    await tocsin.until(lambda: texts(twilio, BEN), FALLBACK)
    assert "30003" in str((await tocsin.say("show 1") or {})["text"])


async def test_answers_are_done_once_over_a_kill(found: Found, twilio: Remote) -> None:
    tocsin = found(configured(twilio))
    await serving(tocsin, twilio)
    await tocsin.send([sample("level", 95, instance="a")])
    await tocsin.until(lambda: texts(twilio, ADA), SOON)
    told = await twilio.ask("inbound", url=f"{PUBLIC}/twilio/sms", body="ack 1", from_=ADA)
    assert told["status"] == 200
    await tocsin.kill()  # what was answered 200 is done
    looked = await twilio.ask("calls", method="Messages.list")
    await serving(tocsin, twilio)
    status = tocsin.rows("SELECT status, owner FROM incidents")
    assert [tuple(row) for row in status] == [("acknowledged", "ada")]
    await tocsin.until(lambda: has(twilio, ADA, "yours for 4 h"), SOON)
    await twilio.ask("wait", method="Messages.list", calls=len(looked) + 1, within=60.0)
    answers = [text for text in await texts(twilio, ADA) if "yours" in text or "already" in text]
    assert len(answers) <= 2, "once, and at most one copy after the kill"
    assert all("yours for 4 h" in text for text in answers)


async def has(twilio: Remote, to: str, words: str) -> bool:
    return any(words in text for text in await texts(twilio, to))


async def test_answers_come_without_a_public_address(found: Found, twilio: Remote) -> None:
    tocsin = found(configured(twilio, public=False))
    await tocsin.start()
    await tocsin.send([sample("level", 95, instance=name) for name in "ab"])
    await tocsin.until(lambda: tocsin.count("SELECT count(*) FROM incidents") == 2, SOON)
    await tocsin.until(lambda: texts(twilio, ADA), SOON)
    await tocsin.kill()
    await twilio.ask("text", body="aa", from_=ADA)  # said while nobody listened
    await twilio.ask("text", body="res 1", from_="+14155550177")
    await tocsin.start()
    taken = "SELECT count(*) FROM incidents WHERE status = 'acknowledged' AND owner = 'ada'"
    await tocsin.until(lambda: tocsin.count(taken) == 2, SOON)


async def test_stop_and_start_over_a_kill(found: Found, twilio: Remote) -> None:
    tocsin = found(configured(twilio))
    await serving(tocsin, twilio)
    hook = f"{PUBLIC}/twilio/sms"
    assert (await twilio.ask("inbound", url=hook, body="STOP", from_=ADA))["status"] == 200
    await tocsin.kill()
    await serving(tocsin, twilio)
    await tocsin.send([sample("level", 95, instance="a")])
    await tocsin.until(lambda: ("ada", "console", "sent") in pages(tocsin), SOON)
    assert ("ada", "sms", "failed") in pages(tocsin)
    assert not [
        it for it in await twilio.ask("calls", method="Messages.create") if it["channel"] == ADA
    ]
    assert "texted STOP" in str(await tocsin.say("phones"))
    assert "texted STOP" in str(await tocsin.say("me"))
    assert (await twilio.ask("inbound", url=hook, body="START", from_=ADA))["status"] == 200
    await tocsin.send([sample("level", 95, instance="b")])
    await tocsin.until(lambda: texts(twilio, ADA), SOON)


async def test_a_call_is_answered_by_a_key(found: Found, twilio: Remote) -> None:
    await twilio.ask("answer", to=ADA, keys=["1"])
    tocsin = found(configured(twilio, by=["voice"], contacts=["voice", "sms"]))
    await serving(tocsin, twilio)
    await tocsin.send([sample("level", 95, instance="</Say><Dial>+1900</Dial>")])
    taken = "SELECT count(*) FROM incidents WHERE status = 'acknowledged' AND owner = 'ada'"
    await tocsin.until(lambda: tocsin.count(taken) == 1, SOON)
    (call,) = await twilio.ask("phone_calls")
    assert call["said"][0].startswith("This is Tocsin. Incident number 1, critical. Disk Full")
    assert call["said"][-2] == "You have it. Escalation has stopped."


async def test_a_call_that_a_kill_cut_off_is_not_made_twice(found: Found, twilio: Remote) -> None:
    await twilio.ask("answer", to=ADA, end="ringing")
    await twilio.ask("fault", failure="slow", seconds=60, method="Calls.create", times=1)
    tocsin = found(configured(twilio, by=["voice"], contacts=["voice", "sms"]))
    await serving(tocsin, twilio)
    await tocsin.send([sample("level", 95, instance="a")])
    await tocsin.until(lambda: twilio.ask("phone_calls"), SOON)
    await tocsin.kill()
    await serving(tocsin, twilio)
    await tocsin.until(lambda: ("ada", "voice", "sent") in pages(tocsin), SOON)
    assert len(await twilio.ask("phone_calls")) == 1


@pytest.mark.parametrize("fate", [{"by": "machine_start"}, {"end": "no-answer"}])
async def test_a_call_that_nobody_takes_goes_the_next_way(
    found: Found, twilio: Remote, fate: Json
) -> None:
    await twilio.ask("answer", to=ADA, **fate)
    tocsin = found(configured(twilio, by=["voice"], contacts=["voice", "sms"]))
    await serving(tocsin, twilio)
    await tocsin.send([sample("level", 95, instance="a")])
    await tocsin.until(lambda: texts(twilio, ADA), FALLBACK)
    assert ("ada", "voice", "failed") in pages(tocsin)
    assert tocsin.rows("SELECT status FROM incidents")[0][0] == "triggered"


async def test_forged_requests_have_no_effect(
    found: Found, twilio: Remote, session: aiohttp.ClientSession
) -> None:
    tocsin = found(configured(twilio))
    await serving(tocsin, twilio)
    await tocsin.send([sample("level", 95, instance="a")])
    (page,) = await tocsin.until(lambda: twilio.ask("messages", to=ADA), SOON)
    form = {"MessageSid": page["sid"], "MessageStatus": "failed", "From": ADA, "Body": "ack 1"}
    for path in ("/twilio/sms", "/twilio/status", "/twilio/voice/a.b", "/twilio/voice/a.b/key"):
        for headers in ({}, {"X-Twilio-Signature": "c2lnbmVk", "Host": "tocsin.example.com"}):
            async with session.post(tocsin.url + path, data=form, headers=headers) as answer:
                assert answer.status == 403
    assert tocsin.rows("SELECT status FROM incidents")[0][0] == "triggered"
    assert ("ada", "sms", "failed") not in pages(tocsin)
