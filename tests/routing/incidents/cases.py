"""An incident in every status, and every event: what tables and docs are made of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from routing.incidents.events import (
    AckExpired,
    Acknowledge,
    AlertsChanged,
    Assess,
    Calm,
    Escalate,
    EscalationDue,
    Event,
    GroupReady,
    Resolve,
    Snooze,
    SnoozeEnded,
    Undelivered,
    UpdateDue,
)
from storage.model.alert import Category, Severity
from storage.model.flaps import Flapping, Flaps
from storage.model.incident import Incident, IncidentId, Status, Verdict
from storage.model.person import PersonId
from storage.model.policy import Policy, Step, Target, TargetKind

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SOON, HOUR = timedelta(minutes=5), timedelta(hours=1)
NOW = timedelta(0)
ADA, GRACE = PersonId("ada"), PersonId("grace")
PRIMARY = (Target(kind=TargetKind.ONCALL, name="primary"),)
POLICY = Policy(
    name="default",
    steps=(Step(after=NOW, targets=PRIMARY), Step(after=SOON, targets=PRIMARY)),
    ack_timeout=HOUR,
    repeat_after=timedelta(minutes=15),
)
TITLE = "CheckoutSlow"
MUTED = "silence 7 by ada until 2026-03-02 14:00 UTC"


def incident(status: Status = Status.TRIGGERED, **more: object) -> Incident:
    """Number 42 as it would stand in this status, Ada having been rung in step 0."""
    usual: dict[str, object] = {"step": -1 if status is Status.GATHERING else 0, "rung": (ADA,)}
    if status in (Status.ACKNOWLEDGED, Status.SNOOZED):
        usual["owner"] = ADA
    if status is Status.ACKNOWLEDGED:
        usual["acknowledged_at"] = NOON
    if status is Status.SNOOZED:
        usual["snoozed_until"] = NOON + HOUR
    if status is Status.RESOLVED:
        usual |= {"resolved_at": NOON, "cleared_at": NOON, "firing": 0}
    plain = Incident(
        id=IncidentId(42),
        group="default/alertname=CheckoutSlow",
        title=TITLE,
        severity=Severity.CRITICAL,
        policy=POLICY,
        opened_at=NOON,
        status=status,
    )
    return replace(plain, **(usual | more))  # type: ignore[arg-type]


def changed(firing: int = 1, total: int = 1, **more: object) -> AlertsChanged:
    """The alerts of number 42 as they are now."""
    usual = AlertsChanged(firing, total, TITLE, Severity.CRITICAL, Category.DEGRADATION)
    return replace(usual, **more)  # type: ignore[arg-type]


STANDING: dict[str, Incident] = {
    "gathering": incident(Status.GATHERING),
    "triggered": incident(),
    "acknowledged": incident(Status.ACKNOWLEDGED),
    "snoozed": incident(Status.SNOOZED),
    "muted": incident(Status.MUTED, round=1, step=-1, muted=MUTED),
    "acknowledged and muted": incident(Status.ACKNOWLEDGED, muted=MUTED),
    "flapping, and nothing fires": incident(
        policy=replace(POLICY, flapping=Flapping(times=2)),
        flaps=Flaps(recent=(NOON, NOON), since=NOON, count=2),
        firing=0,
    ),
    "resolved": incident(Status.RESOLVED),
    "resolved by hand, still firing": incident(
        Status.RESOLVED, firing=1, quiet=True, resolved_by=ADA, cleared_at=None
    ),
}
EVENTS: dict[str, Event] = {
    "all alerts clear": changed(firing=0),
    "alerts fire again or still": changed(),
    "one more alert fires": changed(firing=2, total=2),
    "all that fires is muted": changed(muted=MUTED),
    "samples stop coming": changed(no_data_since=NOON),
    "group wait over": GroupReady(),
    "next step due": EscalationDue(0, 1),
    "step of an older round due": EscalationDue(-1, 1),
    "step reached nobody": Undelivered(0, 0),
    "calm for long enough": Calm(5),
    "new alerts of the group are due to be told": UpdateDue(),
    "Ada acknowledges": Acknowledge(ADA),
    "Grace acknowledges": Acknowledge(GRACE),
    "acknowledgement runs out": AckExpired(0),
    "Grace snoozes for 1 h": Snooze(GRACE, HOUR),
    "snooze over": SnoozeEnded(0),
    "Grace escalates": Escalate(GRACE),
    "Grace resolves": Resolve(GRACE),
    "Grace says that it was a false alarm": Assess(GRACE, Verdict.FALSE),
}
