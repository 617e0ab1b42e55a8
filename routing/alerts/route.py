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

    group:  the key as incidents carry it.
    policy: as new incidents carry it, with the waits of the route.
    mute, active: names of time intervals in which it is quiet, or outside of which it is.
    beside: other ways into the same group, each with such times: heard on any is heard.
    path:   places of the route in the tree, from the root: `(0, 2)` is the third child of the
            first route; empty: no route takes the alert.
    """

    key: GroupKey
    group: str
    policy: Policy
    mute: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    path: tuple[int, ...] = ()
    beside: tuple["Branch", ...] = ()

    @property
    def is_always_heard(self) -> bool:
        """Whether no time of the day makes it quiet."""
        return not (self.mute or self.active)


class Tree:
    """The tree of routes with what each route inherits, for those who look up many alerts.

    Alerts that travel together are given one and the same branch.
    """

    def __init__(self, playbook: Playbook) -> None:
        self._playbook = playbook
        above = Route(matchers=(), policy=playbook.default)
        self._root = _Node(replace(above, routes=playbook.routes), (), above)
        self._known: dict[tuple[tuple[int, ...], str, Labels], Branch] = {}
        self._joined: dict[tuple[tuple[tuple[int, ...], ...], str], Branch] = {}

    def branches(self, labels: Labels) -> tuple[Branch, ...]:
        """Return the ways that an alert with these labels goes, one at least.

        At each level the first route whose matchers all hold takes it, and those behind it as
        well where it says `continue`; what none of its children takes goes by the route itself.
        Two ways into one group are one way: the first that is heard at any time, else the first.
        Routes also see what the catalogue knows of the alert's service (`owner`, `tier`). A route
        whose policy does not exist leads to the default one: rather that than nobody.
        """
        found: dict[str, tuple[Branch, ...]] = {}
        for node in _taken(self._root, self._playbook.catalogue.enriched(labels)):
            branch = self._branch(node, labels)
            found[branch.group] = (*found.get(branch.group, ()), branch)
        return tuple(self._one(ways) for ways in found.values())

    def _one(self, ways: tuple[Branch, ...]) -> Branch:
        """Make one of the ways into a group."""
        if len(ways) == 1:
            return ways[0]
        if heard := next((it for it in ways if it.is_always_heard), None):
            return heard
        key = tuple(it.path for it in ways), ways[0].group
        if key not in self._joined:
            self._joined[key] = replace(ways[0], beside=ways[1:])
        return self._joined[key]

    def _branch(self, node: "_Node", labels: Labels) -> Branch:
        by = ("alertname",) if node.route.group_by is None else node.route.group_by
        grouped = labels if ALL in by else labels.keep(*by)
        key = (node.path, labels.get("alertname"), grouped)
        if key not in self._known:
            self._known[key] = _branch(node, labels, grouped, self._playbook)
        return self._known[key]


class _Node:
    """One route with what it inherits; those below it are worked out when first looked at.

    path: its place in the tree.
    """

    __slots__ = ("_below", "path", "route")

    def __init__(self, route: Route, path: tuple[int, ...], above: Route) -> None:
        self.path, self.route = path, route.under(above)
        self._below: tuple[_Node, ...] | None = None

    def below(self) -> tuple["_Node", ...]:
        """Return its children, in order."""
        if self._below is None:
            each = enumerate(self.route.routes)
            self._below = tuple(_Node(it, (*self.path, n), self.route) for n, it in each)
        return self._below


def _taken(node: _Node, labels: Labels) -> Iterator[_Node]:
    """Walk down."""
    taken = False
    for child in node.below():
        if child.route.takes(labels):
            taken = True
            yield from _taken(child, labels)
            if not child.route.goes_on:
                break
    if not taken:
        yield node


def _branch(node: _Node, labels: Labels, grouped: Labels, playbook: Playbook) -> Branch:
    route = node.route
    name = route.policy if route.policy in playbook.policies else playbook.default
    policy = playbook.policies[name or playbook.default]
    own = {name: said for name in WAITS if (said := getattr(route, name)) is not None}
    if rule := playbook.flapping_of.get(labels.get("alertname")):
        own["flapping"] = rule
    key = GroupKey(policy=policy.name, labels=grouped)
    return Branch(
        key=key,
        group=str(key),
        policy=replace(policy, **own) if own else policy,
        mute=route.mute,
        active=route.active,
        path=node.path,
    )


def branches_of(labels: Labels, playbook: Playbook) -> tuple[Branch, ...]:
    """Return the ways that an alert with these labels goes, as `Tree` finds them."""
    return Tree(playbook).branches(labels)


def group_of(labels: Labels, playbook: Playbook) -> GroupKey:
    """Return the first group that an alert with these labels belongs to."""
    return branches_of(labels, playbook)[0].key
