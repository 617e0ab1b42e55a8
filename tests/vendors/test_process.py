"""The vendors as processes of their own, steered over their control address."""

import asyncio

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from tests.vendors.process import Remote, spawned


async def test_slack_in_its_own_process() -> None:
    async with spawned("slack") as slack:
        client = AsyncWebClient(
            token=slack.facts["bot_token"], base_url=slack.facts["api_url"], retry_handlers=[]
        )
        await client.chat_postMessage(channel="C1", text="disk")
        await slack.ask("fault", failure="reset", work_done=True, times=1)
        with pytest.raises(aiohttp.ClientError):
            await client.chat_postMessage(channel="C1", text="full")
        assert await slack.ask("wait", method="chat.postMessage", calls=2) == 2
        assert [message["text"] for message in await slack.ask("messages")] == ["disk", "full"]
        assert [call["status"] for call in await slack.ask("calls")] == [200, 0]
        assert (await slack.ask("command", command="/tocsin"))["failed"].startswith("dispatch")
        await slack.ask("down")
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.auth_test()
        await slack.ask("up")
        await client.auth_test()
        await _answers_a_command(slack)


async def _answers_a_command(slack: Remote) -> None:
    """Hold a socket by hand and acknowledge the one command that comes."""
    app = AsyncWebClient(token=slack.facts["app_token"], base_url=slack.facts["api_url"])
    url = (await app.apps_connections_open(app_token=slack.facts["app_token"]))["url"]
    async with slack.session.ws_connect(url) as wire:
        assert (await wire.receive_json())["type"] == "hello"
        asked = asyncio.create_task(slack.ask("command", command="/tocsin", text="help"))
        envelope = await wire.receive_json()
        answer = {"envelope_id": envelope["envelope_id"], "payload": {"text": "ask me"}}
        await wire.send_json(answer)
        told = await asked
    assert [reply["text"] for reply in told["replies"]] == ["ask me"]
    assert not told["acks"][0]["late"]


async def test_twilio_in_its_own_process() -> None:
    async with spawned("twilio") as twilio:
        await twilio.ask("fate", to="+14155550142", end="failed", error=30008, pause=0)
        account, token = twilio.facts["account_sid"], twilio.facts["auth_token"]
        form = {"To": "+14155550142", "From": "+14155550100", "Body": "12 disk"}
        headers = {"Authorization": aiohttp.encode_basic_auth(account, token)}
        url = f"{twilio.url}/2010-04-01/Accounts/{account}/Messages.json"
        async with twilio.session.post(url, data=form, headers=headers) as answer:
            assert answer.status == 201
        (sms,) = await twilio.ask("messages")
        assert (sms["body"], sms["status"], sms["error_code"]) == ("12 disk", "failed", 30008)
        with pytest.raises(LookupError, match=r"no verb 'shout'; known: .*calls, "):
            await twilio.ask("shout")
