"""From an incident to what any channel can render. Plain text; channels escape."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from routing.alerts.flap import said
from routing.alerts.group import tally_of, urgent_first
from routing.alerts.route import Tree
from routing.delivery.channel import Action, Line, Message
from routing.delivery.surroundings import (
    QUIET_AROUND,
    Around,
    change_facts,
    lookup_facts,
    service_facts,
    service_links,
)
from routing.delivery.words import (
    flat,
    lasting,
    lines_of,
    listed,
    moment,
    number,
    shortened,
    web_link,
)
from routing.incidents.assessing import WORDS
from routing.incidents.timeline import named, newest
from routing.playbook import Playbook
from storage.model.alert import Alert, Severity
from storage.model.change import Change
from storage.model.delivery import Purpose
from storage.model.incident import Incident, Status, Verdict
from storage.model.labels import Labels
from storage.model.person import PersonId
from storage.model.tally import Tally

LONGEST_TITLE, LONGEST_SUMMARY, LONGEST_ALERT = 150, 1_000, 200
MOST_ALERTS, MOST_LINES, MOST_SUMMARY_LINES = 10, 30, 6

ACKNOWLEDGE = Action(verb="ack", label="Acknowledge")
SNOOZE = Action(verb="snooze 30m", label="Snooze 30m")
RESOLVE = Action(verb="resolve", label="Resolve", danger=True)
REAL = Action(verb="verdict real", label="Real alarm")
FALSE = Action(verb="verdict false", label="False alarm")
NONE = Action(verb="verdict none", label="No action needed")
ACTIONS: dict[Status, tuple[Action, ...]] = {
    Status.GATHERING: (),
    Status.TRIGGERED: (ACKNOWLEDGE, SNOOZE, RESOLVE),
    Status.ACKNOWLEDGED: (SNOOZE, RESOLVE),
    Status.SNOOZED: (ACKNOWLEDGE, RESOLVE),
    Status.MUTED: (ACKNOWLEDGE, RESOLVE),
    Status.RESOLVED: (REAL, FALSE, NONE),
}
VERDICTS = {Verdict.REAL: REAL, Verdict.FALSE: FALSE, Verdict.NONE: NONE}
SILENCES = (
    Action(verb="silence 1h", label="Silence 1 h"),
    Action(verb="silence 4h", label="Silence 4 h"),
    Action(verb="silence 24h", label="Silence 24 h"),
    Action(verb="silence until resolved", label="Silence until resolved"),
)
"""What else can be said of an incident that is heard: in a menu, where there are menus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that a message about an incident is made from.

    asked: whom the present step asked.   until: when the acknowledgement or the snooze ends.
    lines: the incident's story, oldest first.   now: aware UTC, when it is said.
    changes: what was changed about its services, the newest first.
    around:  what else is wrong near it.
    alerts: the most urgent ones; where that is not all of them, `tally` sums all of them up.
    tree:   the playbook's routes, where they are at hand.
    """

    incident: Incident
    alerts: Sequence[Alert]
    playbook: Playbook
    now: datetime
    lines: tuple[Line, ...] = ()
    asked: tuple[PersonId, ...] = ()
    until: datetime | None = None
    changes: Sequence[Change] = ()
    around: Around = QUIET_AROUND
    tally: Tally = ()
    tree: Tree | None = None

    @property
    def total(self) -> int:
        """How many alerts the incident has, told here or not."""
        return sum(heap.count for heap in self.tally) if self.tally else len(self.alerts)

    @property
    def grouped_by(self) -> Labels:
        """The labels that all its alerts agree in; none where a reload changed the routes."""
        tree = self.tree or Tree(self.playbook)
        for alert in self.alerts:
            for way in tree.branches(alert.labels):
                if way.group == self.incident.group:
                    return way.key.labels
        return Labels()

    def name(self, person: PersonId) -> str:
        """Return how a person is called; their id where the configuration lost them."""
        known = self.playbook.people.get(person)
        return flat(known.name) if known else flat(person)


def room_message(
    scene: Scene, *, asked: tuple[str, ...] = (), asked_keys: tuple[str, ...] = ()
) -> Message:
    """Show the incident as it stands, with its newest history.

    asked, asked_keys: addresses on the room's channel of those whose page waits to be carried by
    this message, and the keys of these pages.
    """
    return _message(
        scene, Purpose.ROOM, newest(scene.lines, MOST_LINES), asked=asked, asked_keys=asked_keys
    )


def page_message(scene: Scene, address: str) -> Message:
    """Ask one person, who is reached at `address`, to answer."""
    return _message(scene, Purpose.PAGE, (), asked=(address,), asked_keys=())


def notice_message(scene: Scene, text: str) -> Message:
    """Tell one person how it went on; nothing is asked of them."""
    incident = scene.incident
    return Message(
        purpose=Purpose.NOTICE,
        title=title(incident),
        incident=incident.id,
        version=incident.version,
        status=incident.status,
        severity=incident.severity,
        summary=shortened(flat(named(text, scene.playbook.people)), LONGEST_SUMMARY),
        actions=() if incident.status.is_open else actions_of(incident),
        link=link(incident, scene.playbook),
        round=incident.round,
        thread=thread(incident),
        stages=stages(incident),
    )


def trouble_message(title: str, text: str, playbook: Playbook) -> Message:
    """Tell an administrator about trouble of Tocsin's own."""
    return Message(
        purpose=Purpose.NOTICE,
        title=shortened(flat(title), LONGEST_TITLE),
        severity=Severity.WARNING,
        summary=shortened(lines_of(text, MOST_SUMMARY_LINES), LONGEST_SUMMARY),
        link=playbook.console,
    )


def title(incident: Incident) -> str:
    """Return `#42 CheckoutSlow`."""
    return shortened(f"#{incident.id} {flat(incident.title)}", LONGEST_TITLE)


def link(incident: Incident, playbook: Playbook) -> str:
    """Return the address of the incident's page on the console; empty where there is none."""
    return f"{playbook.console}/incidents/{incident.id}" if playbook.console else ""


def thread(incident: Incident) -> str:
    """Name the incident for good: `42.1772452800`, its number and when it was opened."""
    return f"{incident.id}.{_unix(incident.opened_at)}"


def stages(incident: Incident) -> tuple[str, ...]:
    """Return words for what holds now and is worth hearing; each happens once.

    A step of a round, an acknowledgement, a snooze, an end; that samples stopped coming, that it
    flaps or is calm again, that more alerts joined.
    """
    match incident.status:
        case Status.ACKNOWLEDGED:
            place = f".{_unix(incident.acknowledged_at)}"
        case Status.SNOOZED:
            place = f".{_unix(incident.snoozed_until)}"
        case Status.RESOLVED:
            place = f".{_unix(incident.resolved_at)}"
        case _:
            place = f".{incident.round}.{max(incident.step, 0)}"
    found = [f"{incident.status}{place}"]
    if incident.no_data_since and incident.status.is_open:
        found.append(f"no-data.{_unix(incident.no_data_since)}")
    if incident.status.is_open:
        flaps = incident.flaps
        since = {"flapping": flaps.since, "calm": flaps.calm, "more": incident.updated_at}
        found += [f"{word}.{_unix(at)}" for word, at in since.items() if at is not None]
    return tuple(found)


def _unix(at: datetime | None) -> int:
    return int(at.timestamp()) if at else 0


def _message(
    scene: Scene,
    purpose: Purpose,
    lines: tuple[Line, ...],
    *,
    asked: tuple[str, ...],
    asked_keys: tuple[str, ...],
) -> Message:
    incident = scene.incident
    return Message(
        purpose=purpose,
        title=title(incident),
        incident=incident.id,
        version=incident.version,
        status=incident.status,
        severity=incident.severity,
        summary=summary(scene.alerts),
        facts=_facts(scene),
        actions=actions_of(incident),
        lines=lines,
        asked=asked,
        asked_keys=asked_keys,
        link=link(incident, scene.playbook),
        round=incident.round,
        thread=thread(incident),
        stages=stages(incident),
    )


def actions_of(incident: Incident) -> tuple[Action, ...]:
    """Return the buttons; of an incident that is over they ask what it was worth.

    The verdict that was given bears a mark; the others change it.
    """
    given = VERDICTS[incident.verdict] if incident.verdict else None
    return tuple(
        replace(action, label=f"✓ {action.label}") if action == given else action
        for action in ACTIONS[incident.status]
    )


def summary(alerts: Sequence[Alert]) -> str:
    """Return the sentence a tired person needs: what the most urgent alert says of itself."""
    for alert in urgent_first(alerts):
        for name in ("summary", "description", "message"):
            if text := lines_of(alert.annotations.get(name), MOST_SUMMARY_LINES):
                return shortened(text, LONGEST_SUMMARY)
    return ""


def state(scene: Scene) -> str:
    """Say in words where the incident stands: `escalated to step 2, asked Ada`."""
    incident = scene.incident
    owner = scene.name(incident.owner) if incident.owner else "somebody"
    until = f" until {moment(scene.until, scene.now)}" if scene.until else ""
    match incident.status:
        case Status.GATHERING:
            words = "gathering alerts"
        case Status.TRIGGERED:
            words = _triggered(scene)
        case Status.ACKNOWLEDGED:
            words = f"acknowledged by {owner}{until}"
        case Status.SNOOZED:
            words = f"snoozed by {owner}{until}"
        case Status.MUTED:
            words = "muted"
        case Status.RESOLVED:
            words = _resolved(scene)
    if incident.status.is_open and incident.status is not Status.TRIGGERED:
        words += _flaps(incident)
    if incident.muted and incident.status.is_open:
        words += f", {flat(named(incident.muted, scene.playbook.people))}"
    if incident.no_data_since and incident.status.is_open:
        words += f", no data since {moment(incident.no_data_since, scene.now)}"
    return f"{words}, not delivered" if incident.undelivered else words


def _triggered(scene: Scene) -> str:
    step = scene.incident.step
    words = f"escalated to step {step + 1}" if step > 0 else "triggered"
    words += _flaps(scene.incident)
    names = listed([scene.name(person) for person in scene.asked])
    return f"{words}, asked {names}" if names else words


def _flaps(incident: Incident) -> str:
    flaps = said(incident.flaps)
    now = "" if incident.firing else ", nothing fires now"
    return f", {flaps}{now}" if flaps else ""


def _resolved(scene: Scene) -> str:
    incident = scene.incident
    by = f"by {scene.name(incident.resolved_by)}" if incident.resolved_by else "by itself"
    took = (incident.resolved_at or incident.opened_at) - incident.opened_at
    after = f" after {lasting(took)}" if took >= timedelta(0) else ""
    quiet = "; still firing, quiet until it clears" if incident.quiet else ""
    return f"resolved {by}{after}{quiet}"


def _facts(scene: Scene) -> tuple[tuple[str, str], ...]:
    incident, ordered = scene.incident, urgent_first(scene.alerts)
    facts = [
        ("State", state(scene)),
        ("Severity", str(incident.severity)),
        ("Category", str(incident.category)),
    ]
    if incident.verdict and not incident.status.is_open:
        by = scene.name(incident.verdict_by) if incident.verdict_by else "somebody"
        facts.append(("Verdict", f"{WORDS[incident.verdict]}, said {by}"))
    if scene.total == 1 and ordered and ordered[0].value is not None:
        facts.append(("Value", number(ordered[0].value)))
    begun = [heap.since for heap in scene.tally] or [alert.starts_at for alert in ordered]
    started = min(begun, default=incident.opened_at)
    facts.append(("Since", moment(started, scene.now)))
    if scene.total > 1:
        facts.append(("Alerts", _alerts(scene, ordered)))
    facts += change_facts(scene.changes, started)
    facts += service_facts(ordered, scene.playbook.catalogue, scene.around)
    facts += lookup_facts(ordered, scene.playbook.catalogue)
    return (*facts, *_links(ordered, scene.playbook))


def _alerts(scene: Scene, ordered: Sequence[Alert]) -> str:
    """List the alerts, each by what tells it from the others: `instance=web-7 (2.5)`.

    What all of them share stands above: `3 of 3 firing, all service=checkout`. Of very many only
    the labels that they are grouped by are known to be shared.
    """
    total, tally = scene.total, scene.tally or tally_of(ordered)
    firing = sum(heap.count for heap in tally if heap.firing)
    muted = sum(heap.count for heap in tally if heap.firing and heap.muted)
    differ = len({heap.name for heap in tally}) > 1, len({heap.severity for heap in tally}) > 1
    shared = set.intersection(*(set(_told(alert)) for alert in ordered))
    if scene.tally:
        shared &= set(scene.grouped_by)
    lines = [_alert(alert, shared, *differ) for alert in ordered[:MOST_ALERTS]]
    more = total - len(lines)
    head = f"{firing} of {total} firing" + (f", {muted} of that muted" if muted else "")
    if shared:
        head = shortened(f"{head}, all {_written(sorted(shared))}", LONGEST_ALERT)
    return "\n".join([head, *lines, *([f"and {more:,} more"] if more > 0 else [])])


def _alert(alert: Alert, shared: Set[tuple[str, str]], with_name: bool, with_severity: bool) -> str:
    words = [_written([pair for pair in _told(alert) if pair not in shared])]
    if with_name or not words[0]:
        words = [flat(alert.name) or "alert", *filter(None, words)]
    if with_severity:
        words.append(str(alert.severity))
    if alert.value is not None:
        words.append(f"({number(alert.value)})")
    if not alert.is_firing:
        words.append("resolved")
    elif alert.muted:
        words.append("muted")
    elif alert.no_data_since:
        words.append("no data")
    return shortened(" ".join(words), LONGEST_ALERT)


def _told(alert: Alert) -> Labels:
    return alert.labels.without("__name__", "alertname", "severity", "category")


def _written(pairs: Iterable[tuple[str, str]]) -> str:
    return " ".join(f"{flat(name)}={flat(value)}" for name, value in pairs)


def _links(ordered: Sequence[Alert], playbook: Playbook) -> list[tuple[str, str]]:
    wanted = (
        ("Runbook", ("runbook_url", "runbook")),
        ("Dashboard", ("dashboard_url", "dashboard")),
    )
    found, of_service = [], service_links(ordered, playbook.catalogue)
    for label, names in wanted:
        links = (web_link(it.annotations.get(name)) for it in ordered for name in names)
        if first := next(filter(None, links), of_service.get(label, "")):
            found.append((label, first))
    return found
