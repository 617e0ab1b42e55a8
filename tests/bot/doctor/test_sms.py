"""Twilio is asked about the account, its money, and the number that texts."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.bot.doctor.ward import amiss, found, patient, texts
from tests.vendors.twilio import TwilioServer


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioServer]:
    async with TwilioServer() as server:
        yield server


def account(twilio: TwilioServer, **changed: Any) -> dict[str, Any]:
    sms = {
        "account_sid": twilio.account_sid,
        "auth_token": twilio.auth_token,
        "from_number": "+14155550100",
        "api_url": twilio.url,
    }
    return {"channels": {"sms": sms | changed}}


async def test_all_is_well_and_nothing_is_sent(twilio: TwilioServer, tmp_path: Path) -> None:
    findings = await found(patient(tmp_path, **account(twilio)), "sms")
    assert texts(findings) == [
        "the account 'Loopback' is active",
        "42.50 USD left",
        "+14155550100 is ours and can send SMS and call",
    ]
    assert amiss(findings) == []
    assert twilio.messages == []


async def test_a_wrong_token(twilio: TwilioServer, tmp_path: Path) -> None:
    there = patient(tmp_path, **account(twilio, auth_token="a-wrong-token-0815"))
    (only,) = await found(there, "sms")
    assert str(only.verdict) == "fault"
    assert "20003" in only.text
    assert "channels.sms.account_sid and auth_token" in only.advice
    assert "a-wrong-token" not in only.text


async def test_a_suspended_account_without_money(twilio: TwilioServer, tmp_path: Path) -> None:
    twilio.account.status, twilio.account.balance = "suspended", "-1.20"
    told = amiss(await found(patient(tmp_path, **account(twilio)), "sms"))
    assert told == [
        ("fault", "the account 'Loopback' is suspended"),
        ("fault", "-1.20 USD left: Twilio sends nothing"),
    ]


async def test_a_trial_account_names_whom_it_cannot_reach(
    twilio: TwilioServer, tmp_path: Path
) -> None:
    twilio.account.type, twilio.account.verified = "Trial", {"+14155552601"}
    twilio.account.balance = "3.00"
    told = amiss(await found(patient(tmp_path, **account(twilio)), "sms"))
    assert [verdict for verdict, _ in told] == ["warning", "fault", "warning"]
    assert told[1] == ("fault", "ben is not reached: +14155552602 is not verified")


async def test_numbers_that_are_not_ours_or_cannot(twilio: TwilioServer, tmp_path: Path) -> None:
    twilio.account.balance = None
    twilio.account.able["+14155550100"] = ("voice",)
    (told,) = amiss(await found(patient(tmp_path, **account(twilio)), "sms"))
    assert told == ("fault", "+14155550100 is ours and can call")
    twilio.numbers = {"+14155550199"}
    (told,) = amiss(await found(patient(tmp_path, **account(twilio)), "sms"))
    assert told == ("fault", "+14155550100 is no number of this account")


async def test_nobody_answers(twilio: TwilioServer, tmp_path: Path) -> None:
    there = patient(tmp_path, **account(twilio))
    await twilio.down()
    (only,) = await found(there, "sms")
    assert (str(only.verdict), "cannot be reached" in only.text) == ("fault", True)


async def test_a_landline_takes_no_sms(twilio: TwilioServer, tmp_path: Path) -> None:
    people = {
        "ada": {"permission": "admin", "phone": "+44 20 7946 0958"},
        "ben": {"phone": "+44 7400 123456"},
    }
    told = amiss(await found(patient(tmp_path, **account(twilio), people=people), "sms"))
    assert told == [("warning", "+442079460958 of ada is a landline, which takes no SMS")]


async def test_voice_says_whether_keys_come_back(twilio: TwilioServer, tmp_path: Path) -> None:
    channels = {"voice": account(twilio)["channels"]["sms"]}
    there = patient(tmp_path, channels=channels)
    assert amiss(await found(there, "voice")) == [
        ("warning", "calls are read out and take no keys: Twilio cannot reach us")
    ]
    server = {"listen": "127.0.0.1:1", "public_url": "https://tocsin.example.com"}
    there = patient(tmp_path, channels=channels, server=server)
    assert texts(await found(there, "voice")) == ["+14155550100 is ours and can call"]
    twilio.numbers = {"+14155550999"}
    assert amiss(await found(there, "voice")) == [
        ("fault", "+14155550100 is no number of this account that calls")
    ]
