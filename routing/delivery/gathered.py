"""Several messages to one person as one: how many, of what, which first, and how to answer."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from routing.alerts.group import urgent_first
from routing.delivery.channel import Action, Message
from routing.delivery.compose import LONGEST_SUMMARY
from routing.delivery.words import fitting, flat, shortened
from storage.model.alert import Alert, Severity
from storage.model.delivery import Purpose

MOST_NAMED, MOST_SERVICES, LONGEST_NAME = 20, 8, 60
ACK_MINE = Action(verb="ack mine", label="Acknowledge all that wait for me")
SERVICE_LABELS = ("service", "job", "alertname")
"""Which label says what is hurt, the best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One incident among those gathered. title: `#42 CheckoutSlow`.   text: a notice's words."""

    incident: int
    title: str
    severity: Severity
    service: str = ""
    text: str = ""


def service_of(alerts: Sequence[Alert]) -> str:
    """Return what an incident hurts, by its most urgent alert; empty where no label says it."""
    for alert in urgent_first(alerts)[:1]:
        for label in SERVICE_LABELS:
            if alert.labels.get(label):
                return shortened(flat(alert.labels.get(label)), LONGEST_NAME)
    return ""


def gathered(purpose: Purpose, items: Sequence[Item], console: str) -> Message:
    """Say in one message what `items` would have said in many; the most urgent come first.

    Each incident counts once. A page asks for an answer to all of them at once.
    """
    each = {item.incident: item for item in items}
    known = sorted(each.values(), key=lambda item: (item.severity.rank, item.incident))
    by_severity = Counter(item.severity for item in known)
    services = Counter(item.service for item in known if item.service)
    severities = ", ".join(f"{by_severity[it]} {it}" for it in Severity if by_severity[it])
    is_page = purpose is Purpose.PAGE
    counted = f"{severities}: {_counted(services)}." if services else f"{severities}."
    lines = [counted] if is_page else []
    lines.append(_named(known, LONGEST_SUMMARY - sum(len(line) + 1 for line in lines)))
    facts = [("Severities", severities), ("Services", _counted(services))]
    return Message(
        purpose=purpose,
        title=_title(len(known), len(services)) if is_page else f"{_incidents(len(known))}: news",
        severity=known[0].severity,
        summary=shortened("\n".join(lines), LONGEST_SUMMARY),
        facts=(*(it for it in facts if it[1]), ("Answer", "/tocsin ack mine")) if is_page else (),
        actions=(ACK_MINE,) if is_page else (),
        link=console,
    )


def _title(incidents: int, services: int) -> str:
    count = f"{services} service{'s' * (services != 1)}"
    return f"{_incidents(incidents)}, {count}" if services else _incidents(incidents)


def _incidents(count: int) -> str:
    return f"{count} incident{'s' * (count != 1)}"


def _counted(services: Counter[str]) -> str:
    """Write `checkout 7, mail 3 and 2 more`."""
    first = [f"{name} {count}" for name, count in services.most_common(MOST_SERVICES)]
    more = len(services) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")


def _named(items: Sequence[Item], room: int) -> str:
    named = [
        shortened(f"{item.title}: {item.text}" if item.text else item.title, 3 * LONGEST_NAME)
        for item in items[:MOST_NAMED]
    ]
    between = "\n" if any(item.text for item in items) else ", "
    return fitting(named, room, between=between, hidden=len(items) - len(named))
