"""Which way an alert goes: the first route that takes it, else the default policy."""

from dataclasses import dataclass

from routing.playbook import Playbook, Route
from storage.model.labels import Labels
from storage.model.policy import Policy


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


def route_of(labels: Labels, playbook: Playbook) -> Route:
    """Return the first route that takes alerts with these labels, else one to the default policy.

    A route whose policy does not exist is passed over: rather the default than nobody.
    """
    for route in playbook.routes:
        if route.takes(labels) and route.policy in playbook.policies:
            return route
    return Route(matchers=(), policy=playbook.default)


def group_of(labels: Labels, playbook: Playbook) -> GroupKey:
    """Say which group an alert with these labels belongs to."""
    route = route_of(labels, playbook)
    return GroupKey(policy=route.policy, labels=labels.keep(*route.group_by))


def policy_of(key: GroupKey, playbook: Playbook) -> Policy:
    """Return the policy that a new incident of this group is opened with."""
    return playbook.policies[key.policy]
