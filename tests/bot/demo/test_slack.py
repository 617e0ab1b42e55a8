"""The demo in Slack: two tokens are enough, and what is missing is said with what to do."""

import pytest

from bot.demo.slack import has_twilio, slack_environment
from storage.errors import ConfigError
from tests.vendors.slack import SlackServer

TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "secret",
    "TWILIO_FROM": "+1",
    "TOCSIN_PHONE": "+2",
}


async def test_two_tokens_are_enough() -> None:
    async with SlackServer() as slack:
        found = await slack_environment(
            {
                "SLACK_BOT_TOKEN": slack.bot_token,
                "SLACK_APP_TOKEN": slack.app_token,
                "TOCSIN_SLACK_API": slack.api_url,
            }
        )
    assert found["TOCSIN_SLACK_CHANNEL"].startswith("C")
    assert found["TOCSIN_SLACK_USER"].startswith("U")


async def test_ids_that_are_given_are_taken() -> None:
    given = {
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_APP_TOKEN": "xapp-1",
        "TOCSIN_SLACK_CHANNEL": "C1",
        "TOCSIN_SLACK_USER": "U1",
    }
    found = await slack_environment(given)
    assert (found["TOCSIN_SLACK_CHANNEL"], found["TOCSIN_SLACK_USER"]) == ("C1", "U1")


async def test_a_missing_token_is_told() -> None:
    with pytest.raises(ConfigError, match="SLACK_APP_TOKEN: not set; `tocsin slack manifest`"):
        await slack_environment({"SLACK_BOT_TOKEN": "xoxb-1"})


async def test_a_wrong_token_is_told_without_showing_it() -> None:
    async with SlackServer() as slack:
        given = {
            "SLACK_BOT_TOKEN": "xoxb-wrong",
            "SLACK_APP_TOKEN": slack.app_token,
            "TOCSIN_SLACK_API": slack.api_url,
        }
        with pytest.raises(ConfigError, match="invalid_auth") as refused:
            await slack_environment(given)
    assert "xoxb-wrong" not in str(refused.value)


def test_twilio_is_all_or_nothing() -> None:
    assert has_twilio(TWILIO)
    assert not has_twilio({"TOCSIN_PHONE": "+2"})
    with pytest.raises(ConfigError, match="missing: TWILIO_AUTH_TOKEN, TWILIO_FROM, TOCSIN_PHONE"):
        has_twilio({"TWILIO_ACCOUNT_SID": "AC1"})
