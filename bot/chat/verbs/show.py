"""`show`: everything about one incident."""

from collections.abc import Sequence
from datetime import datetime

from bot.chat.receipts import receipts
from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import People, ago, clock_time, due_lines, standing
from routing.alerts.group import urgent_first
from routing.delivery.words import flat, shortened
from routing.flow.ahead import ahead_of
from routing.flow.desks import Desks
from routing.incidents.timeline import named, newest, story
from routing.rules.verdict import REASON
from storage.model.alert import Alert
from storage.model.incident import Incident
from storage.model.person import Permission
from storage.sql import alerts, audit, incidents, outbox

MOST_ALERTS, MOST_LINES = 5, 15
LONGEST_PART = 300  # characters of an alert's labels, of its summary


async def run(ask: Ask, desks: Desks) -> Reply:
    """`show 12`: its facts, its alerts, its history, and what became of each message."""
    if len(ask.incidents) != 1:
        return Reply("Which one? Say one number: `show 12`.", refused=True)
    number = ask.incidents[0]
    async with desks.database.reading() as tx:
        incident = await incidents.get(tx, number)
        found = (await alerts.most_urgent(tx, {number: incident.total}, MOST_ALERTS))[number]
        rows = await audit.of_incident(tx, number)
        messages = await outbox.of_incident(tx, number)
        due = await ahead_of(tx, incident, desks.clock, desks.playbook())
    people, now = desks.playbook().people, desks.clock.utc_now()
    lines = [
        f"#{incident.id} {incident.title}",
        *_facts(incident, people, now),
        *_alerts(found, incident.total, people),
        *(["Next:", *due_lines(incident, due, now)] if incident.status.is_open else []),
        "History:",
        *(
            f"  {clock_time(line.at, now)}  {line.text}"
            for line in newest(story(rows, people, whole=True), MOST_LINES)
        ),
    ]
    table = receipts(messages, people, now, desks.clock.steady())
    return Reply("\n".join(lines), table=table)


def _facts(incident: Incident, people: People, now: datetime) -> list[str]:
    facts = [
        f"{incident.severity} · {incident.category} · {standing(incident, people, now)}",
        f"Began {clock_time(incident.opened_at, now)}, {ago(incident.opened_at, now)}; "
        f"{incident.firing} of {incident.total} alerts firing",
        f"Policy {incident.policy.name}, step {max(incident.step + 1, 0)} of "
        f"{len(incident.policy.steps)}",
    ]
    if incident.no_data_since is not None:
        facts.append(f"No data since {clock_time(incident.no_data_since, now)}")
    if incident.undelivered:
        facts.append("Not delivered: the last step reached nobody")
    return facts


def _alerts(found: Sequence[Alert], total: int, people: People) -> list[str]:
    """Write the most urgent alerts, those that fire first; the text is data, the mouth escapes it.

    total: how many there are.
    """
    lines = []
    for alert in urgent_first(found):
        said = filter(None, map(alert.annotations.get, ("summary", REASON)))
        muted = [named(alert.muted, people)] if alert.is_firing and alert.muted else []
        parts = [f"{alert.status}: {alert.labels}", *said, *muted]
        # One line each, so that no alert pushes the history out of the answer.
        lines.append("  " + " — ".join(shortened(flat(part), LONGEST_PART) for part in parts))
    if total > len(found):
        lines.append(f"  and {total - len(found)} more")
    return ["Alerts:", *lines] if lines else []


VERB = Verb(
    name="show",
    usage="show <incident>",
    summary="one incident: facts, alerts, history, and what became of each message",
    needs=Permission.VIEW,
    run=run,
)
