"""Receipts in words: queued, sent, delivered, failed for now, failed for good, unproven."""

from typing import Any

import pytest

from bot.chat.receipts import HEAD, receipts
from storage.clock import Steady
from storage.model.alert import Severity
from storage.model.delivery import DeliveryStatus, OutboxId, OutboxMessage, Purpose
from storage.model.incident import IncidentId
from tests.fakes import NOON
from tests.routing.town import ADA, PEOPLE

NOW = Steady(1_000.0)


def message(**changes: Any) -> OutboxMessage:
    usual: dict[str, Any] = {
        "id": OutboxId(1),
        "key": "k",
        "purpose": Purpose.PAGE,
        "severity": Severity.CRITICAL,
        "incident": IncidentId(1),
        "person": ADA,
        "round": 0,
        "step": 0,
        "channel": "sms",
        "address": "+1",
        "body": "{}",
        "not_before": NOW,
        "created_at": NOON,
    }
    return OutboxMessage(**usual | changes)


W, S = DeliveryStatus.WAITING, DeliveryStatus.SENT
# fmt: off
TABLE = [
    pytest.param(message(), "queued", id="queued"),
    pytest.param(message(not_before=Steady(1_120)), "queued, due in 2 min", id="its-turn-comes"),
    pytest.param(message(not_before=Steady(8_200)), "queued, due 14:00 UTC", id="in-the-morning"),
    pytest.param(message(not_before=Steady(1_005), waiting_since=NOW, error="503", attempts=2),
        "failed for now, again in 5 s after 2 tries: 503", id="failed-for-now"),
    pytest.param(message(status=S, attempts=1), "sent", id="sent"),
    pytest.param(message(status=DeliveryStatus.DELIVERED), "delivered", id="delivered"),
    pytest.param(message(status=DeliveryStatus.UNPROVEN, error="no proof that it arrived"),
        "unproven: no proof that it arrived", id="unproven"),
    pytest.param(message(status=DeliveryStatus.FAILED, error="no such number"),
        "failed for good: no such number", id="failed-for-good"),
    pytest.param(message(status=DeliveryStatus.CANCELLED), "not needed any more", id="cancelled"),
    pytest.param(message(status=S, purpose=Purpose.NOTICE), "notice, sent", id="notice"),
]
# fmt: on


@pytest.mark.parametrize(("given", "outcome"), TABLE)
def test_words(given: OutboxMessage, outcome: str) -> None:
    assert receipts([given], PEOPLE, NOON, NOW) == (
        HEAD,
        ("12:00 UTC", "Ada", "sms", outcome),
    )


def test_none() -> None:
    assert receipts([], PEOPLE, NOON, NOW) == ()
