"""Which service an alert is about, and what that means. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from routing.lookups import Lookup, looked_up
from storage.model.labels import Labels
from storage.model.services import Service

NAMED_BY = ("service", "app", "application", "job")
"""Labels that may name the service, the surest first."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All services, found by any of their names. lookups: tables that know more of alerts."""

    services: Mapping[str, Service] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    lookups: tuple[Lookup, ...] = ()

    @classmethod
    def of(cls, services: Iterable[Service], lookups: Iterable[Lookup] = ()) -> "Catalogue":
        """Gather services; a name of its own wins over another's `also`."""
        known = {service.name: service for service in services}
        names = {other: it.name for it in known.values() for other in it.also}
        return cls(known, names | {name: name for name in known}, tuple(lookups))

    def named(self, name: str) -> str:
        """Return the service that is known by this name; the name itself where none is."""
        return self.names.get(name, name)

    def service_of(self, labels: Labels) -> Service | None:
        """Return the service that an alert with these labels is about, if one is known."""
        for label in NAMED_BY:
            if name := self.names.get(labels.get(label)):
                return self.services[name]
        return None

    def name_of(self, labels: Labels) -> str:
        """Name the service that an alert is about, known or not; empty where none is named."""
        labels = looked_up(labels, self.lookups)
        known = self.service_of(labels)
        return known.name if known else labels.get("service")

    def enriched(self, labels: Labels) -> Labels:
        """Return what routes look at: the labels, and beside them what tables and services add.

        Of a service its name, owner and tier. A label that is there already stays as it is.
        """
        labels = looked_up(labels, self.lookups)
        service = self.service_of(labels)
        if service is None:
            return labels
        more = {"service": service.name, "owner": service.owner, "tier": service.tier}
        return labels.with_({k: v for k, v in more.items() if v and not labels.get(k)})

    def hit_by(self, service: Service) -> tuple[str, ...]:
        """Return the services that cannot do without this one, directly or through others."""
        found: list[str] = []
        todo = [service.name]
        while todo:
            name = todo.pop(0)
            for other in self.services.values():
                if name in other.depends_on and other.name not in (*found, service.name):
                    found.append(other.name)
                    todo.append(other.name)
        return tuple(found)
