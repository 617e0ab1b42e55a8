"""The rate limits of the loopback Slack: bursts pass, the long run does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.vendors.slack import SlackServer
from tests.vendors.slack_limits import Limits, Meter, Rate


class Hand:
    """A clock turned by hand, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.floats(min_value=0, max_value=5), max_size=200))
def test_never_more_than_the_burst_and_one_a_second(gaps: list[float]) -> None:
    clock = Hand()
    meter = Meter(Limits(posts=Rate(a_minute=60, burst=3)), clock)
    passed = 0
    for gap in gaps:
        clock.now += gap
        passed += meter.wait("chat.postMessage", "C1") == 0
        assert passed <= 3 + clock.now + 1e-6


@given(st.lists(st.floats(min_value=0, max_value=0.9), min_size=5, max_size=50))
def test_who_waits_as_told_is_let_in(gaps: list[float]) -> None:
    clock = Hand()
    meter = Meter(Limits(posts=Rate(a_minute=60, burst=1)), clock)
    for gap in gaps:
        clock.now += gap
        if wait := meter.wait("chat.postMessage", "C1"):
            clock.now += wait
            assert meter.wait("chat.postMessage", "C1") == 0


@pytest.mark.parametrize(
    ("method", "calls"), [("chat.update", 50), ("users.list", 20), ("views.open", 100)]
)
def test_a_tier_allows_its_calls_a_minute(method: str, calls: int) -> None:
    clock = Hand()
    meter = Meter(Limits(), clock)
    answers = [meter.wait(method, f"C{n}") for n in range(calls + 1)]
    assert answers[:-1] == [0] * calls
    assert answers[-1] == -(-60 // calls)


def test_the_workspace_has_a_limit_of_its_own() -> None:
    meter = Meter(Limits(workspace=Rate(a_minute=60, burst=5)), Hand())
    waits = [meter.wait("chat.postMessage", f"C{n}") for n in range(6)]
    assert waits == [0, 0, 0, 0, 0, 1]


def test_limits_can_be_lifted() -> None:
    meter = Meter(Limits(enforced=False), Hand())
    assert {meter.wait("chat.postMessage", "C1") for _ in range(100)} == {0}


async def test_impatient_callers_are_found() -> None:
    async with SlackServer(limits=Limits(posts=Rate(a_minute=60, burst=1))) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        await client.chat_postMessage(channel="C1", text="x")
        with pytest.raises(SlackApiError):
            await client.chat_postMessage(channel="C1", text="x")
        assert slack.ledger.impatient() == []
        await client.chat_postMessage(channel="U1", text="another channel")
        assert slack.ledger.impatient() == []
        with pytest.raises(SlackApiError):
            await client.chat_postMessage(channel="C1", text="x")
        (early,) = slack.ledger.impatient()
        assert early is slack.calls("chat.postMessage")[3]
