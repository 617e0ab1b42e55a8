"""What a message says: the state in words, the facts, the buttons; foreign text stays text."""

import unicodedata
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.delivery import body
from routing.delivery.channel import Line, Message
from routing.delivery.compose import (
    Scene,
    notice_message,
    page_message,
    room_message,
    state,
    trouble_message,
)
from storage.model.alert import Alert, Severity
from storage.model.delivery import Purpose
from storage.model.incident import Incident, IncidentId, Status
from storage.model.labels import Labels
from storage.model.person import PersonId
from tests.fakes import NOON
from tests.routing.town import ADA, BOB, PLAYBOOK, POLICY, alert, resolved

INCIDENT = Incident(
    id=IncidentId(42),
    group="g",
    title="CheckoutSlow",
    severity=Severity.CRITICAL,
    policy=POLICY,
    opened_at=NOON - timedelta(minutes=12),
    step=0,
    version=3,
)


def scene(*alerts: Alert, **changes: Any) -> Scene:
    of_scene = {name: changes.pop(name) for name in ("asked", "until", "lines") if name in changes}
    return Scene(
        incident=replace(INCIDENT, **changes),
        alerts=alerts or (alert(),),
        playbook=PLAYBOOK,
        now=NOON,
        **of_scene,
    )


HALF_PAST = NOON + timedelta(minutes=30)
OVER: dict[str, Any] = {"status": Status.RESOLVED, "resolved_at": NOON}
ACKED: dict[str, Any] = {"status": Status.ACKNOWLEDGED, "owner": ADA}

# fmt: off
STATES = [
    pytest.param(scene(status=Status.GATHERING), "gathering alerts", id="gathering"),
    pytest.param(scene(step=-1), "triggered", id="before-the-first-step"),
    pytest.param(scene(asked=(ADA,)), "triggered, asked Ada", id="triggered"),
    pytest.param(scene(step=1, asked=(ADA, BOB)), "escalated to step 2, asked Ada and Bob",
        id="escalated"),
    pytest.param(scene(undelivered=True), "triggered, not delivered", id="not-delivered"),
    pytest.param(scene(no_data_since=NOON - timedelta(minutes=5)),
        "triggered, no data since 11:55 UTC", id="no-data"),
    pytest.param(scene(**ACKED, until=HALF_PAST), "acknowledged by Ada until 12:30 UTC",
        id="acknowledged"),
    pytest.param(scene(**ACKED), "acknowledged by Ada", id="acknowledged-end-unknown"),
    pytest.param(scene(status=Status.SNOOZED, owner=BOB, until=NOON + timedelta(days=1)),
        "snoozed by Bob until 2026-03-03 12:00 UTC", id="snoozed-to-tomorrow"),
    pytest.param(scene(status=Status.MUTED, muted="silence 1 by ada until 12:30 UTC"),
        "muted, silence 1 by Ada until 12:30 UTC", id="muted"),
    pytest.param(scene(**ACKED, muted="NodeDown"), "acknowledged by Ada, NodeDown",
        id="acknowledged-and-muted"),
    pytest.param(scene(**OVER), "resolved by itself after 12 min", id="by-itself"),
    pytest.param(scene(**OVER, resolved_by=BOB), "resolved by Bob after 12 min", id="by-hand"),
    pytest.param(scene(**OVER, resolved_by=BOB, quiet=True),
        "resolved by Bob after 12 min; still firing, quiet until it clears", id="quiet"),
    pytest.param(scene(asked=(PersonId("gone"),)), "triggered, asked gone", id="who-left"),
]
# fmt: on


@pytest.mark.parametrize(("given", "words"), STATES)
def test_state(given: Scene, words: str) -> None:
    assert state(given) == words


def test_a_page_is_complete() -> None:
    links = {"runbook_url": "https://wiki/slow", "dashboard": "https://graphs/1?a=b"}
    told = replace(alert(), annotations=Labels.of(summary="p99 2.5 s", **links))
    page = page_message(scene(told, asked=(ADA,)), "U1")
    assert (page.purpose, page.title, page.summary) == (
        Purpose.PAGE,
        "#42 CheckoutSlow",
        "p99 2.5 s",
    )
    assert page.facts == (
        ("State", "triggered, asked Ada"),
        ("Severity", "critical"),
        ("Category", "degradation"),
        ("Value", "2.5"),
        ("Since", "12:00 UTC"),
        ("Runbook", "https://wiki/slow"),
        ("Dashboard", "https://graphs/1?a=b"),
    )
    assert [action.verb for action in page.actions] == ["ack", "snooze 30m", "resolve"]
    assert (page.asked, page.version) == (("U1",), 3)
    assert page.link == "https://tocsin.example.com/incidents/42"


VERBS = {
    Status.GATHERING: [],
    Status.TRIGGERED: ["ack", "snooze 30m", "resolve"],
    Status.ACKNOWLEDGED: ["snooze 30m", "resolve"],
    Status.SNOOZED: ["ack", "resolve"],
    Status.MUTED: ["ack", "resolve"],
    Status.RESOLVED: ["verdict real", "verdict false", "verdict none"],
}


@pytest.mark.parametrize("status", Status)
def test_buttons_are_those_that_can_do_something(status: Status) -> None:
    message = room_message(scene(status=status))
    assert [action.verb for action in message.actions] == VERBS[status]


def test_many_alerts_are_listed_up_to_ten_firing_first() -> None:
    many = [alert(instance=f"web-{n:02}") for n in range(16)]
    facts = dict(room_message(scene(resolved(many[0]), *many[1:])).facts)
    lines = facts["Alerts"].split("\n")
    assert lines[0] == "15 of 16 firing"
    assert (len(lines), lines[-1]) == (12, "and 6 more")
    assert "resolved" not in facts["Alerts"]
    assert "Value" not in facts


def test_an_alert_is_listed_by_what_tells_it_from_the_others() -> None:
    web = [alert(service="shop", instance=f"web-{n}") for n in (2, 1)]
    facts = dict(room_message(scene(*web)).facts)
    assert facts["Alerts"] == (
        "2 of 2 firing, all service=shop\ninstance=web-1 (2.5)\ninstance=web-2 (2.5)"
    )
    disk = alert("DiskFull", service="shop", instance="web-1")
    facts = dict(room_message(scene(web[1], disk)).facts)
    assert facts["Alerts"] == (
        "2 of 2 firing, all instance=web-1 service=shop\nCheckoutSlow (2.5)\nDiskFull (2.5)"
    )


def test_what_differs_in_severity_says_its_own_and_what_is_muted_says_so() -> None:
    mild = alert(severity="warning", instance="web-2")
    hidden = replace(alert(instance="web-3"), muted="silence 1 by ada")
    facts = dict(room_message(scene(alert(instance="web-1"), mild, hidden)).facts)
    assert facts["Alerts"].splitlines() == [
        "3 of 3 firing, 1 of that muted",
        "instance=web-1 critical (2.5)",
        "instance=web-3 critical (2.5) muted",
        "instance=web-2 warning (2.5)",
    ]


LINKS = [
    "javascript:alert(1)",
    "http://user:pass@evil.example",
    "https://ok.example/ <!channel>",
    "https://ok.example/\u202egpj.exe",
    "ftp://files.example",
    "https://",
    "//evil.example",
    "http://[bad",
]


@pytest.mark.parametrize("link", LINKS)
def test_only_plain_web_links_are_links(link: str) -> None:
    told = replace(alert(), annotations=Labels.of(runbook_url=link))
    assert "Runbook" not in dict(room_message(scene(told)).facts)


def test_history_is_bounded_to_the_newest() -> None:
    lines = tuple(Line(id=n, at=NOON, text=f"line {n}") for n in range(100))
    told = room_message(scene(lines=lines), asked=("U1",), asked_keys=("k",))
    assert (told.lines[0].id, told.lines[-1].id, len(told.lines)) == (70, 99, 30)
    assert (told.asked, told.asked_keys) == (("U1",), ("k",))


def test_a_notice_names_people_and_asks_nothing() -> None:
    notice = notice_message(scene(), "acknowledged by ada: on it")
    assert (notice.summary, notice.actions) == ("acknowledged by Ada: on it", ())


TEXT = st.text(max_size=300)


@given(title=TEXT, summary=TEXT, label=TEXT)
def test_foreign_text_never_controls_anything(title: str, summary: str, label: str) -> None:
    told = Alert(
        labels=Labels.of(alertname=title, x=label),
        annotations=Labels.of(summary=summary, runbook_url=summary),
        starts_at=NOON,
    )
    message = room_message(scene(told, alert(), title=title))
    assert "\n" not in message.title
    assert len(message.title) <= 150
    every = "".join([message.title, message.summary, *(value for _, value in message.facts)])
    assert not {unicodedata.category(char) for char in every if char != "\n"} & {"Cc", "Cf"}
    assert body.read(body.write(message)) == message


STAGES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"step": -1}, ("triggered.0.0",)),
    ({"round": 2, "step": 1}, ("triggered.2.1",)),
    ({"status": Status.ACKNOWLEDGED, "acknowledged_at": NOON}, ("acknowledged.1772452800",)),
    ({"status": Status.SNOOZED, "snoozed_until": NOON}, ("snoozed.1772452800",)),
    ({"status": Status.RESOLVED, "resolved_at": NOON}, ("resolved.1772452800",)),
    ({"step": 0, "no_data_since": NOON}, ("triggered.0.0", "no-data.1772452800")),
]


@pytest.mark.parametrize(("changes", "stages"), STAGES)
def test_stages_name_what_is_worth_hearing(
    changes: dict[str, Any], stages: tuple[str, ...]
) -> None:
    said = room_message(scene(alert(), **changes))
    assert said.stages == stages
    assert said.thread == f"{INCIDENT.id}.{int(INCIDENT.opened_at.timestamp())}"
    assert body.read(body.write(said)) == said
    louder = room_message(scene(alert(), alert(instance="b"), version=9, **changes))
    assert louder.stages == stages, "news of its alerts is no news of the incident"


def test_a_body_survives_a_field_of_a_newer_version() -> None:
    message: Message = trouble_message("slack refuses", "do this\nand that", PLAYBOOK)
    newer = body.write(message).replace('{"purpose"', '{"colour":"red","purpose"')
    assert body.read(newer) == message
    assert message.summary == "do this\nand that"
