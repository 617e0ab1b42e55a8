"""`backtest` in the mouth of people."""

import pytest

from routing.rules.read import parse_rules
from tests.bot.chat.conftest import Square
from tests.bot.queues import RULES, samples


async def test_a_rule_in_force_by_its_name(square: Square) -> None:
    now = square.town.clock.utc_now().timestamp()
    await square.series.append(samples(now))
    square.desks.rules.swap(parse_rules(RULES.format(over=80), "f"))
    reply = await square.say("backtest QueueDeep 2m")
    assert reply.text.splitlines() == [
        "QueueDeep, the last 2 min:",
        "  Fired 2 times, 45 s in all, the longest 30 s.",
        "  Would have paged Ada by chat, sms 2 times: policy default, critical.",
    ]
    assert reply.table == (
        ("rule", "series", "fired", "in all"),
        ("QueueDeep", '{queue="mail"}', "2", "45 s"),
    )


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("backtest", "Which rule? Say its name: `backtest CheckoutSlow 30d`."),
        ("backtest A B 3d", "Which rule? Say its name: `backtest CheckoutSlow 30d`."),
        ("backtest QueueDepp", "No alerting rule is called 'QueueDepp'; did you mean 'QueueDeep'?"),
        ("backtest QueueDeep 500d", "A backtest looks back up to 400d, such as 30d."),
    ],
)
async def test_what_cannot_be_tried(square: Square, said: str, answer: str) -> None:
    square.desks.rules.swap(parse_rules(RULES.format(over=80), "f"))
    reply = await square.say(said)
    assert (reply.text.strip(), reply.refused) == (answer, True)
