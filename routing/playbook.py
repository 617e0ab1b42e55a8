"""The playbook: what the configuration says about who hears of what. Swapped whole on reload."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from routing.alerts.inhibit import InhibitRule
from routing.alerts.intervals import Times
from routing.catalogue import Catalogue
from routing.delivery.cap import DailyCap
from routing.delivery.throttle import ONE_BY_ONE, Pace
from routing.dependencies import Dependencies
from routing.recurrence import Recurrence
from storage.model.alert import Severity
from storage.model.flaps import Flapping
from storage.model.heartbeat import Heartbeat
from storage.model.labels import Labels, Matcher
from storage.model.person import OnCallList, Permission, Person, PersonId
from storage.model.policy import Policy
from storage.model.silence import Silence

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
    """Alerts whose labels satisfy all `matchers` go this way; what is None, the route above says.

    goes_on: routes behind it are tried as well (`continue`).
    mute:    names of time intervals in which nobody hears of what goes this way.
    active:  names of those in which alone somebody does; empty: always.
    routes:  tried in order; what none of them takes goes by this route.
    """

    matchers: tuple[Matcher, ...]
    policy: str | None = None
    group_by: tuple[str, ...] | None = None
    group_wait: timedelta | None = None
    group_interval: timedelta | None = None
    repeat_interval: timedelta | None = None
    flapping: Flapping | None = None
    goes_on: bool = False
    mute: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    routes: tuple["Route", ...] = ()

    def takes(self, labels: Labels) -> bool:
        """Say whether an alert with these labels goes this way."""
        return all(matcher.matches(labels) for matcher in self.matchers)

    def under(self, above: "Route") -> "Route":
        """Return the route with what it inherits; time intervals are not inherited."""
        return replace(
            self,
            **{name: getattr(above, name) for name in INHERITED if getattr(self, name) is None},
        )


WAITS = ("group_wait", "group_interval", "repeat_interval", "flapping")
"""What a route says instead of its policy."""
INHERITED = ("policy", "group_by", *WAITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceLimits:
    """What people may silence.

    longest: no silence lasts longer.  confirm: more alerts than this need a confirmation.
    widest:  more alerts than this, or all that fires, need an administrator.
    """

    longest: timedelta = timedelta(days=7)
    confirm: int = 20
    widest: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """When what is silenced is told, and where.

    to: (channel, address) of rooms; empty: every administrator hears of it.
    """

    recurrence: Recurrence
    to: tuple[tuple[str, str], ...] = ()


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
    dependencies: by which services' troubles explain, and hide, others'; empty: none does.
    inhibit:     which alerts hide which.  intervals: times of the day, by name.
    maintenance: windows of the configuration; those that people make are rows.
    limits:      what people may silence.
    flapping_of: by `alertname` what counts as flapping, whatever routes say.
    reminder:    when it is told what is silenced, and where; None: never.
    resolve_timeout: an alert from a source that names no end is over unless repeated within this.
    failover_after: a critical page unsent after this goes to the person's next channel.
    caps:        by channel, how many messages a day may go by it.
    pace:        how many messages a while ring one person one by one.
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
    inhibit: tuple[InhibitRule, ...] = ()
    dependencies: Dependencies = field(default_factory=Dependencies)
    intervals: Mapping[str, tuple[Times, ...]] = field(default_factory=dict)
    maintenance: tuple[Silence, ...] = ()
    limits: SilenceLimits = SilenceLimits()
    flapping_of: Mapping[str, Flapping] = field(default_factory=dict)
    reminder: Reminder | None = None
    failover_after: timedelta = timedelta(seconds=60)
    caps: Mapping[str, DailyCap] = field(default_factory=dict)
    pace: Pace = ONE_BY_ONE
    link: str = ""
    console: str = ""

    def ways(self) -> Iterator[Route]:
        """Yield every route of the tree, from above, with what it inherits."""
        above = Route(matchers=(), policy=self.default)
        todo = [(route, above) for route in reversed(self.routes)]
        while todo:
            route, parent = todo.pop()
            here = route.under(parent)
            yield here
            todo += [(child, here) for child in reversed(route.routes)]

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
