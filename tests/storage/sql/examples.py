"""What the tests of the incident database are about: one of each noun, to be changed at will."""

from datetime import UTC, datetime, timedelta
from typing import Any

from storage.clock import Steady
from storage.model.alert import Alert, Severity
from storage.model.delivery import OutboxId, OutboxMessage, Purpose
from storage.model.flaps import Flapping
from storage.model.incident import Incident, IncidentId
from storage.model.labels import Labels
from storage.model.person import PersonId
from storage.model.policy import Policy, Room, Step, Target, TargetKind

NOON = datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC)
HOUR = timedelta(hours=1)
START = Steady(1_000.5)

POLICY = Policy(
    name="night",
    steps=(
        Step(after=timedelta(0), targets=(Target(kind=TargetKind.ONCALL, name="web"),)),
        Step(
            after=timedelta(minutes=5),
            targets=(Target(kind=TargetKind.PERSON, name="ada"),),
            by=("sms",),
        ),
    ),
    rooms=(Room(channel="slack", address="#ops"),),
    group_interval=timedelta(minutes=5),
    repeat_after=timedelta(seconds=90.5),
    repeat_interval=timedelta(hours=4),
    flapping=Flapping(times=5, within=timedelta(minutes=20), calm=timedelta(seconds=90.5)),
)


def incident(group: str = "night/Disk", **changes: Any) -> Incident:
    values: dict[str, Any] = {
        "id": IncidentId(0),
        "group": group,
        "title": "Disk full",
        "severity": Severity.CRITICAL,
        "policy": POLICY,
        "opened_at": NOON,
    }
    return Incident(**values | changes)


def alert(name: str = "Disk", **changes: Any) -> Alert:
    values: dict[str, Any] = {
        "labels": Labels.of(alertname=name, severity="critical"),
        "starts_at": NOON,
    }
    return Alert(**values | changes)


def message(key: str = "incident/1/round/0/step/0/ada/sms", **changes: Any) -> OutboxMessage:
    values: dict[str, Any] = {
        "id": OutboxId(0),
        "key": key,
        "purpose": Purpose.PAGE,
        "severity": Severity.CRITICAL,
        "incident": None,
        "person": PersonId("ada"),
        "round": 0,
        "step": 0,
        "channel": "sms",
        "address": "+14155550100",
        "body": "{}",
        "not_before": START,
        "created_at": NOON,
    }
    return OutboxMessage(**values | changes)
