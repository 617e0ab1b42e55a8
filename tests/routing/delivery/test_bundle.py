"""The alerts as programs take them: whole, in order, and not without end."""

from dataclasses import replace
from datetime import timedelta

from routing.delivery import body
from routing.delivery.bundle import LONGEST_ANNOTATION, MOST_ALERTS, MOST_TEXT, bundle
from routing.delivery.compose import Scene, room_message
from storage.model.alert import Alert, AlertStatus, Severity
from storage.model.incident import Incident, IncidentId
from storage.model.labels import Labels
from tests.fakes import NOON
from tests.routing.town import PLAYBOOK, POLICY

WEB = Labels.of(alertname="DiskFull", instance="web-1", severity="critical")


def alert(number: int = 1, **changes: object) -> Alert:
    labels = WEB.with_({"instance": f"web-{number}"})
    made = Alert(labels=labels, starts_at=NOON, value=0.5, source="rules")
    return replace(made, **changes)  # type: ignore[arg-type]


def scene(*alerts: Alert, group: str = "") -> Scene:
    incident = Incident(
        id=IncidentId(42),
        group=group or f'{PLAYBOOK.default}{{alertname="DiskFull"}}',
        title="DiskFull",
        severity=Severity.CRITICAL,
        policy=POLICY,
        opened_at=NOON,
    )
    return Scene(incident=incident, alerts=alerts, playbook=PLAYBOOK, now=NOON)


def test_firing_ones_come_first_and_the_grouping_is_told() -> None:
    over = alert(1, status=AlertStatus.RESOLVED, ends_at=NOON + timedelta(minutes=5))
    made = bundle(scene(over, alert(2)))
    assert made.alerts == (alert(2), over)
    assert (made.group, made.by) == (
        f'{PLAYBOOK.default}{{alertname="DiskFull"}}',
        Labels.of(alertname="DiskFull"),
    )
    assert (made.left_out, made.home) == (0, PLAYBOOK.link)


def test_a_grouping_that_a_reload_changed_is_not_made_up() -> None:
    assert bundle(scene(alert(), group="gone{}")).by == Labels()


def test_what_is_too_much_is_left_out_and_counted() -> None:
    many = [alert(number) for number in range(MOST_ALERTS + 7)]
    assert bundle(scene(*many)).left_out == 7
    long = Labels.of({f"note{n}": "x" * LONGEST_ANNOTATION * 2 for n in range(20)})
    told = bundle(scene(*(replace(one, annotations=long) for one in many)))
    size = sum(len(k) + len(v) for one in told.alerts for k, v in (*one.labels, *one.annotations))
    assert 0 < len(told.alerts) < len(many)
    assert size <= MOST_TEXT
    assert len(told.alerts) + told.left_out == len(many)
    assert told.alerts[0].annotations.get("note1").endswith("x…")


def test_it_survives_the_outbox() -> None:
    over = alert(
        1,
        status=AlertStatus.RESOLVED,
        ends_at=NOON,
        no_data_since=NOON,
        annotations=Labels.of(summary='two\nlines "quoted" 🔥'),
    )
    shown = scene(over, alert(2))
    message = replace(room_message(shown), bundle=bundle(shown))
    assert body.read(body.write(message)) == message
    assert body.read(body.write(room_message(shown))).bundle is None
