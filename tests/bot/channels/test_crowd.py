"""An incident of 5,000 alerts with long labels: each channel shows a few and counts the rest."""

import json
import re
from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from bot.channels import cards, push, webhook_body
from bot.channels.blocks import top
from bot.channels.letter import Letter, written
from bot.channels.voice_words import spoken
from routing.delivery.bundle import bundle
from routing.delivery.channel import Message
from routing.delivery.compose import Scene, page_message, room_message
from routing.delivery.sms_text import as_sms, segments_of
from storage.model.alert import Alert
from storage.model.incident import Incident, IncidentId
from tests.fakes import NOON
from tests.routing.town import PLAYBOOK, POLICY, alert
from tests.vendors.slack_content import check_content

COUNT = 5_000
LINK = "https://tocsin.example.com/incidents/42"
COUNTED = re.compile(r"and 4,99[0-9] more\b")
LABELS = {
    "plain": "checkout-7f9c6d5b4-" * 10,
    "marks": "a&b<c>_*~`" * 20,
    "wide": "\U0001f6a8\u05e9\u05dc" * 60,
    "short": "x",
}


def crowd(kind: str) -> Scene:
    """The incident, as everything that is said of it sees it."""
    alerts: list[Alert] = [
        alert(i=f"{n:04}", pod=f"{LABELS[kind]}{n}", more=LABELS[kind], cluster="eu-1")
        for n in range(COUNT)
    ]
    incident = Incident(
        id=IncidentId(42),
        group="g",
        title=f"CheckoutSlow ({COUNT} alerts)",
        severity=alerts[0].severity,
        policy=POLICY,
        opened_at=NOON,
        firing=COUNT,
        total=COUNT,
    )
    playbook = replace(PLAYBOOK, console="https://tocsin.example.com")
    return Scene(incident=incident, alerts=alerts, playbook=playbook, now=NOON)


@pytest.fixture(params=LABELS, scope="module")
def scene(request: pytest.FixtureRequest) -> Scene:
    return crowd(request.param)


@pytest.fixture
def message(scene: Scene) -> Message:
    return room_message(scene)


def test_in_slack(message: Message) -> None:
    shown = top(message, ping=True)
    check_content(shown.text, shown.blocks)
    said = [block["text"]["text"] for block in shown.blocks if "text" in block]
    assert [text for text in said if COUNTED.search(text)], said
    assert LINK in json.dumps(shown.blocks)


def test_in_teams(message: Message) -> None:
    made = cards.posting(message)
    assert cards.size_of(made) <= cards.MOST_BYTES
    said = json.dumps(made)
    assert COUNTED.search(said)
    assert LINK in said


def test_by_mail(scene: Scene) -> None:
    letter = Letter(
        message=page_message(scene, "ada@example.com"),
        sender="tocsin@example.com",
        sender_name="Tocsin",
        to="ada@example.com",
        id="<1@example.com>",
        references=(),
        is_reply=False,
        at=NOON,
    )
    raw = written(letter)
    assert len(raw) <= 102_000
    mail = message_from_bytes(raw, policy=policy.default)
    for kind in ("plain", "html"):
        body = mail.get_body((kind,))
        assert body is not None
        assert COUNTED.search(body.get_content())
        assert LINK in body.get_content()


def test_by_sms_push_and_voice_the_title_counts(scene: Scene) -> None:
    page = page_message(scene, "+14155550100")
    text = as_sms(page)
    assert segments_of(text) <= 2
    assert "(5000 alerts)" in text
    assert "ack 42" in text
    title, body = push.words(page)
    assert "(5000 alerts)" in title
    assert LINK in body
    assert "5000 alerts" in " ".join(spoken(page))


def test_programs_are_told_how_many_are_missing(scene: Scene) -> None:
    told = json.loads(webhook_body.body_of(replace(room_message(scene), bundle=bundle(scene)), "x"))
    assert len(told["alerts"]) + told["truncatedAlerts"] == COUNT
    assert 0 < len(told["alerts"]) <= 100
