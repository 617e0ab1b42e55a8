"""The tree of routes as an alertmanager.yml, for `amtool config routes`. Pure."""

from dataclasses import replace
from io import StringIO
from typing import Any

from routing.playbook import Playbook, Route

HEADER = "# Tocsin's routes and policies, as Alertmanager writes them\n"


def config_text(playbook: Playbook) -> str:
    """Write routes, and policies as receivers; what else they say is not Alertmanager's."""
    from ruamel.yaml import YAML

    root = Route(matchers=(), policy=playbook.default, group_by=("alertname",))
    root = replace(root, routes=playbook.routes)
    names = sorted(playbook.policies)
    told = {
        "route": _route(root, playbook),
        "receivers": [{"name": name} for name in names],
    }
    text, yaml = StringIO(), YAML()
    yaml.width = 100_000
    yaml.dump(told, text)
    return HEADER + text.getvalue()


def _route(route: Route, playbook: Playbook) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if route.policy is not None:
        known = route.policy in playbook.policies
        found["receiver"] = route.policy if known else playbook.default
    if route.matchers:
        found["matchers"] = [str(matcher) for matcher in route.matchers]
    if route.group_by is not None:
        found["group_by"] = list(route.group_by)
    if route.goes_on:
        found["continue"] = True
    if route.routes:
        found["routes"] = [_route(it, playbook) for it in route.routes]
    return found
