"""The playbook: what the configuration says about who hears of what. Swapped whole on reload."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from routing.catalogue import Catalogue
from storage.model.alert import Severity
from storage.model.heartbeat import Heartbeat
from storage.model.labels import Labels, Matcher
from storage.model.person import OnCallList, Permission, Person, PersonId
from storage.model.policy import Policy

CHAT = "chat"
"""The word that means: every chat channel the person has."""

BY_SEVERITY: Mapping[Severity, tuple[str, ...]] = {
    Severity.CRITICAL: (CHAT, "sms"),
    Severity.WARNING: (CHAT,),
    Severity.INFORMATIONAL: (CHAT,),
    Severity.PREDICTIVE: (CHAT,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Alerts whose labels satisfy all `matchers` follow `policy`, grouped by `group_by`."""

    matchers: tuple[Matcher, ...]
    policy: str
    group_by: tuple[str, ...] = ("alertname",)

    def takes(self, labels: Labels) -> bool:
        """Say whether an alert with these labels goes this way."""
        return all(matcher.matches(labels) for matcher in self.matchers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Somebody who sends samples.

    expect: silence longer than this is trouble of its own; None: it may be silent.
    """

    name: str
    expect: timedelta | None = None
    severity: Severity = Severity.WARNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """Who is who, which way alerts go, and by which channels.

    routes:      tried in order, the first that takes an alert wins; nothing matches: `default`.
    by_severity: the channels (or the word `chat`) that a step without `by` uses.
    chat:        names of the open channels that are chat.
    silent:      names of further channels that ring nobody (mail).
    pages_only:  names of those that ask and never tell news.
    wants_alerts: names of those whose rooms take the alerts themselves.
    resolve_timeout: an alert from a source that names no end is over unless repeated within this.
    failover_after: a critical page unsent after this goes to the person's next channel.
    link:        where people reach us, without a slash at the end; empty: no answer links.
    console:     the console's address as the readers of messages can open it; empty: no links.
    """

    people: Mapping[PersonId, Person]
    oncall: Mapping[str, OnCallList]
    policies: Mapping[str, Policy]
    default: str
    routes: tuple[Route, ...] = ()
    by_severity: Mapping[Severity, tuple[str, ...]] = field(default_factory=lambda: BY_SEVERITY)
    chat: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    pages_only: frozenset[str] = frozenset()
    wants_alerts: frozenset[str] = frozenset()
    sources: Mapping[str, Source] = field(default_factory=dict)
    resolve_timeout: timedelta = timedelta(minutes=5)
    catalogue: Catalogue = field(default_factory=Catalogue)
    heartbeats: Mapping[str, Heartbeat] = field(default_factory=dict)
    failover_after: timedelta = timedelta(seconds=60)
    link: str = ""
    console: str = ""

    def admins(self) -> tuple[Person, ...]:
        """Return those who are told when Tocsin itself is in trouble."""
        return tuple(p for p in self.people.values() if p.may(Permission.ADMIN))

    def rings(self, channel: str) -> bool:
        """Say whether a message by this channel may wake somebody."""
        return channel not in self.chat and channel not in self.silent

    def speaker(self, channel: str, address: str) -> Person | None:
        """Return the person who speaks from this address of this channel, if anybody is known."""
        for person in self.people.values():
            for point in person.contacts:
                if (point.channel, point.address) == (channel, address):
                    return person
        return None
