"""Slack is asked who we are, what we may, and whether rooms and people are there."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat.manifest import BOT_SCOPES
from bot.doctor.check import Patient
from tests.bot.doctor.ward import amiss, found, patient, texts
from tests.vendors.faults import Failure, Fault
from tests.vendors.slack import SlackServer
from tests.vendors.slack_workspace import Channel, User


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.scopes = set(BOT_SCOPES)
        server.space.add_user(User(id="U0ADA0001", name="ada"))
        server.space.add_user(User(id="U0BEN0001", name="ben"))
        server.space.add_channel(Channel(id="C0ALARMS1", name="alarms"))
        yield server


def workspace(slack: SlackServer, folder: Path) -> Patient:
    tokens = {"bot_token": slack.bot_token, "app_token": slack.app_token}
    return patient(folder, channels={"slack": {**tokens, "api_url": slack.api_url}})


async def test_all_is_well(slack: SlackServer, tmp_path: Path) -> None:
    findings = await found(workspace(slack, tmp_path), "slack")
    assert texts(findings) == [
        "the bot token speaks as @tocsin in Test",
        "the bot token has every scope it needs",
        "the app-level token may listen (Socket Mode)",
        "room C0ALARMS1 (shop) is #alarms; the bot is in it",
        "ada (U0ADA0001) is @ada",
        "ben (U0BEN0001) is @ben",
    ]
    assert amiss(findings) == []
    assert slack.messages() == []


async def test_wrong_tokens(slack: SlackServer, tmp_path: Path) -> None:
    there = workspace(slack, tmp_path)
    slack.tokens.clear()
    bot, app = await found(there, "slack")
    assert (str(bot.verdict), str(app.verdict)) == ("fault", "fault")
    assert "invalid_auth" in bot.text
    assert "channels.slack.bot_token" in bot.advice
    assert "connections:write" in app.advice
    assert slack.bot_token not in bot.text + bot.advice + app.text + app.advice


async def test_missing_scopes_and_rooms_and_people(slack: SlackServer, tmp_path: Path) -> None:
    slack.scopes -= {"files:write", "groups:read", "chat:write.public"}
    slack.space.users["U0BEN0001"].deleted = True
    slack.space.channels["C0ALARMS1"].is_member = False
    findings = await found(workspace(slack, tmp_path), "slack")
    assert amiss(findings) == [
        ("fault", "the bot token lacks the scopes files:write, groups:read"),
        ("fault", "room C0ALARMS1 (shop) is #alarms: the bot is not in it"),
        ("fault", "ben (U0BEN0001) was deactivated in Slack"),
    ]


async def test_what_is_gone_or_closed(slack: SlackServer, tmp_path: Path) -> None:
    del slack.space.users["U0BEN0001"]
    slack.space.channels["C0ALARMS1"].is_archived = True
    told = amiss(await found(workspace(slack, tmp_path), "slack"))
    assert told[0] == ("fault", "room C0ALARMS1 (shop) is #alarms: archived")
    assert "user_not_found" in told[1][1]
    del slack.space.channels["C0ALARMS1"]
    told = amiss(await found(workspace(slack, tmp_path), "slack"))
    assert "channel_not_found" in told[0][1]


async def test_a_public_room_without_us_is_a_warning(slack: SlackServer, tmp_path: Path) -> None:
    slack.space.channels["C0ALARMS1"].is_member = False
    (only,) = [f for f in await found(workspace(slack, tmp_path), "slack") if f.advice]
    assert (str(only.verdict), "/invite" in only.advice) == ("warning", True)


async def test_a_limit_is_waited_for(slack: SlackServer, tmp_path: Path) -> None:
    limit = Fault(failure=Failure.RATE_LIMIT, method="users.info", seconds=1, times=1)
    slack.faults.add(limit)
    assert amiss(await found(workspace(slack, tmp_path), "slack")) == []
    assert slack.ledger.impatient() == []


async def test_nobody_answers(slack: SlackServer, tmp_path: Path) -> None:
    there = workspace(slack, tmp_path)
    await slack.down()
    findings = await found(there, "slack")
    assert {str(it.verdict) for it in findings} == {"fault"}
    assert "cannot be reached" in findings[0].text
