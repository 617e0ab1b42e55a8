"""Which ways an alert goes through the tree of routes: by which policy, in which group."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from routing.playbook import WAITS, Playbook, Route
from storage.model.labels import Labels
from storage.model.policy import Policy

ALL = "..."
"""In `group_by`: every label, so that each alert is a group of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKey:
    """What travels together: alerts of one policy that agree in the labels it groups by.

    labels: only the labels grouped by; one that is absent stands for "has none".
    """

    policy: str
    labels: Labels

    def __str__(self) -> str:
        """Write it as incidents carry it: `payments{alertname="CheckoutSlow"}`."""
        return f"{self.policy}{self.labels}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One way that an alert goes: everything that the routes above it say as well.

    policy: as new incidents carry it, with the waits of the route.
    mute, active: names of time intervals in which it is quiet, or outside of which it is.
    path:   places of the route in the tree, from the root: `(0, 2)` is the third child of the
            first route; empty: no route takes the alert.
    """

    key: GroupKey
    policy: Policy
    mute: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    path: tuple[int, ...] = ()


def branches_of(labels: Labels, playbook: Playbook) -> tuple[Branch, ...]:
    """Return the ways that an alert with these labels goes, one at least.

    At each level the first route whose matchers all hold takes it, and those behind it as well
    where it says `continue`; what none of its children takes goes by the route itself. Two ways
    into one group are one way. Routes also see what the catalogue knows of the alert's service
    (`owner`, `tier`). A route whose policy does not exist leads to the default one:
    rather that than nobody.
    """
    root = Route(matchers=(), policy=playbook.default, routes=playbook.routes)
    found: dict[str, Branch] = {}
    seen = playbook.catalogue.enriched(labels)
    for path, route in _taken(root, seen, (), Route(matchers=(), policy=playbook.default)):
        branch = _branch(path, route, labels, playbook)
        found.setdefault(str(branch.key), branch)
    return tuple(found.values())


def _taken(
    route: Route, labels: Labels, path: tuple[int, ...], above: Route
) -> Iterator[tuple[tuple[int, ...], Route]]:
    """Walk down; yields routes as they are with what they inherit."""
    here = route.under(above)
    taken = False
    for place, child in enumerate(route.routes):
        if child.takes(labels):
            taken = True
            yield from _taken(child, labels, (*path, place), here)
            if not child.goes_on:
                break
    if not taken:
        yield path, here


def _branch(path: tuple[int, ...], route: Route, labels: Labels, playbook: Playbook) -> Branch:
    name = route.policy if route.policy in playbook.policies else playbook.default
    policy = playbook.policies[name or playbook.default]
    by = route.group_by or ("alertname",)
    own = {name: said for name in WAITS if (said := getattr(route, name)) is not None}
    if rule := playbook.flapping_of.get(labels.get("alertname")):
        own["flapping"] = rule
    grouped = labels if ALL in by else labels.keep(*by)
    return Branch(
        key=GroupKey(policy=policy.name, labels=grouped),
        policy=replace(policy, **own) if own else policy,
        mute=route.mute,
        active=route.active,
        path=path,
    )


def group_of(labels: Labels, playbook: Playbook) -> GroupKey:
    """Return the first group that an alert with these labels belongs to."""
    return branches_of(labels, playbook)[0].key
