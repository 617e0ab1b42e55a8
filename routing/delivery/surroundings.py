"""What an incident's message tells about the service it hits, and what was changed before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from routing.catalogue import Catalogue
from routing.delivery.words import flat, lasting, listed, shortened, web_link
from storage.model.alert import Alert
from storage.model.change import Change
from storage.model.services import Service

NEAR = timedelta(hours=1)
"""How long before an incident a change still is worth telling."""
MOST_CHANGES, MOST_SERVICES, LONGEST = 3, 3, 300

Fact = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What else is wrong near an incident.

    hit: service that depends on one of the incident's -> how many of its alerts fire.
    due: what may explain the incident, in words, such as `DiskFull of database`.
    """

    hit: Mapping[str, int] = field(default_factory=dict)
    due: tuple[str, ...] = ()


QUIET_AROUND = Around()


def services_of(alerts: Sequence[Alert], catalogue: Catalogue) -> tuple[str, ...]:
    """Name the services that these alerts are about, the most urgent alert's first."""
    return tuple(dict.fromkeys(filter(None, (catalogue.name_of(it.labels) for it in alerts))))


def service_facts(
    alerts: Sequence[Alert], catalogue: Catalogue, around: Around = QUIET_AROUND
) -> list[Fact]:
    """Say whose trouble it is and whom it hits; nothing where the catalogue knows none of it."""
    if not catalogue.services:
        return []
    known = [catalogue.services.get(name) for name in services_of(alerts, catalogue)]
    services = [service for service in known if service is not None]
    if not services:
        return []
    lines = [_described(service) for service in services[:MOST_SERVICES]]
    more = len(services) - MOST_SERVICES
    facts = [("Service", "\n".join([*lines, f"and {more} more"] if more > 0 else lines))]
    hit = dict.fromkeys(name for it in services for name in catalogue.hit_by(it))
    others = [name for name in hit if name not in {it.name for it in services}]
    if others:
        others.sort(key=lambda name: not around.hit.get(name))  # those that are hit by now first
        told = [_hit(name, around.hit.get(name, 0)) for name in others]
        facts.append(("Also hit", shortened(listed(told), LONGEST)))
    if around.due:
        facts.append(("Perhaps due to", shortened(listed([*map(flat, around.due)]), LONGEST)))
    return facts


def _hit(name: str, firing: int) -> str:
    return (
        f"{flat(name)} ({firing} {'alert' if firing == 1 else 'alerts'})" if firing else flat(name)
    )


def _described(service: Service) -> str:
    told = [flat(service.name)]
    told += [f"tier {flat(service.tier)}"] if service.tier else []
    told += [f"owner {flat(service.owner)}"] if service.owner else []
    told += [flat(service.users)] if service.users else []
    return shortened(", ".join(told), LONGEST)


def lookup_facts(alerts: Sequence[Alert], catalogue: Catalogue) -> list[Fact]:
    """Say what tables know of the most urgent alert, less what stands elsewhere in a message."""
    if not alerts or not catalogue.lookups:
        return []
    alert, found = alerts[0], dict[str, str]()
    labels = alert.labels
    for lookup in catalogue.lookups:
        if row := lookup.row_of(labels):
            labels = lookup.added(labels, row.labels)
            found |= {
                k: v for k, v in row.labels.items() if alert.labels.get(k) != labels.get(k) == v
            }
            found |= {k: v for k, v in row.annotations.items() if alert.annotations.get(k) == v}
    told = [f"{flat(k)} {flat(v)}" for k, v in found.items() if not _stands_elsewhere(k)]
    return [("Looked up", shortened(", ".join(told), LONGEST))] if told else []


def _stands_elsewhere(name: str) -> bool:
    return name in ("summary", "description", "message") or name.endswith("_url")


def change_facts(changes: Sequence[Change], opened_at: datetime) -> list[Fact]:
    """Say what was changed shortly before, or since; the last one first.

    changes: of the services concerned, the newest first.
    """
    near = [change for change in changes if opened_at - change.at <= NEAR]
    if not near:
        return []
    lines = [_changed(change, opened_at) for change in near[:MOST_CHANGES]]
    more = len(near) - MOST_CHANGES
    return [("Changed", "\n".join([*lines, f"and {more} more"] if more > 0 else lines))]


def _changed(change: Change, opened_at: datetime) -> str:
    gap = opened_at - change.at
    when = f"{lasting(abs(gap))} {'before' if gap >= timedelta(0) else 'after'} it began"
    what = " ".join(filter(None, (flat(change.service), flat(change.version))))
    where = f" to {flat(change.environment)}" if change.environment else ""
    how = "failed to deploy" if change.outcome == "failed" else "was deployed"
    by = f" by {flat(change.by)}" if change.by else ""
    return shortened(f"{what} {how}{where}{by}, {when}", LONGEST)


def service_links(alerts: Sequence[Alert], catalogue: Catalogue) -> dict[str, str]:
    """Return the catalogue's runbook and first dashboard, for alerts that name none."""
    found: dict[str, str] = {}
    for name in services_of(alerts, catalogue) if catalogue.services else ():
        service = catalogue.services.get(name)
        if service is None:
            continue
        for label, address in (
            ("Runbook", service.runbook),
            ("Dashboard", next(iter(service.dashboards.values()), "")),
        ):
            if link := web_link(address):
                found.setdefault(label, link)
    return found
