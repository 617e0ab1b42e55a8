"""Who left Slack is told to the administrators before anybody needs them, once a day."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat.manifest import BOT_SCOPES
from bot.config.config import Config
from bot.roll_call import FIRST, RollCall
from tests.bot.doctor.ward import patient
from tests.routing.town import Town, town
from tests.vendors.slack import SlackServer
from tests.vendors.slack_workspace import Channel, User


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.scopes = set(BOT_SCOPES)
        for id, name in (("U0ADA0001", "ada"), ("U0BEN0001", "ben")):
            server.space.add_user(User(id=id, name=name))
        server.space.add_channel(Channel(id="C0ALARMS1", name="alarms"))
        yield server


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Town]:
    (tmp_path / "town").mkdir()
    async with town(tmp_path / "town") as made:
        yield made


def config(slack: SlackServer, folder: Path) -> Config:
    tokens = {"bot_token": slack.bot_token, "app_token": slack.app_token}
    return patient(folder, channels={"slack": {**tokens, "api_url": slack.api_url}}).config


async def test_the_roll_is_called(slack: SlackServer, here: Town, tmp_path: Path) -> None:
    written = config(slack, tmp_path)
    roll = RollCall(lambda: written, here.database, here.clock, here.playbook, here.wake)
    slack.space.users["U0BEN0001"].deleted = True
    slack.space.channels["C0ALARMS1"].is_archived = True
    assert await roll.call() == 0, "not in the first minute"
    assert slack.calls() == []
    here.clock.advance(FIRST)
    assert await roll.call() == 2
    assert await roll.call() == 2
    await here.sender.send_due()
    said = [sent.message.summary for sent in here.sms.sent + here.slack.sent]
    assert sorted(said) == [
        "ben (U0BEN0001) was deactivated in Slack\ncorrect people.ben.slack, or take ben off the "
        "lists",
        "room C0ALARMS1 (shop) is #alarms: archived\nunarchive the channel, or give the policy "
        "another room",
    ], "once"
    assert here.sms.sent, "by another way than the one in trouble"
    here.clock.advance(86_400)
    await roll.call()
    await here.sender.send_due()
    assert len(here.sms.sent) == 4, "again the next day"


async def test_while_slack_is_away_nobody_is_told_that_all_have_left(
    slack: SlackServer, here: Town, tmp_path: Path
) -> None:
    written = config(slack, tmp_path)
    roll = RollCall(lambda: written, here.database, here.clock, here.playbook, here.wake)
    here.clock.advance(FIRST)
    await slack.down()
    assert await roll.call() == 0
