"""An alertmanager.yml becomes policies, routes and what mutes; what is lost is named.

Source: https://prometheus.io/docs/alerting/latest/configuration/.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from bot.config.fields import parse_matcher
from bot.importing.intervals import intervals_of
from storage.documents import Mapping, Node, Scalar, Sequence, describe
from storage.errors import ConfigError

ROUTE = {
    "receiver": "policy",
    "group_by": "group_by",
    "group_wait": "group_wait",
    "group_interval": "group_interval",
    "repeat_interval": "repeat_interval",
    "continue": "continue",
    "mute_time_intervals": "mute_time_intervals",
    "active_time_intervals": "active_time_intervals",
}
"""Alertmanager's key of a route -> ours; matchers and routes are read apart."""
USUAL = {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}
"""What Alertmanager does where its root route does not say; ours would be otherwise."""
MATCHERS = ("match", "match_re", "matchers")
PRIMARY = "primary"
"""The on-call list that imported policies ask."""
_SPLIT = re.compile(r'\s*((?:[^",]|"(?:[^"\\]|\\.)*")+)\s*(?:,|$)')
_SIGN = re.compile(r"\s*([^=!~\s]+)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)


@dataclass(slots=True)
class Imported:
    """What was read.

    config: sections of our configuration, as they are written.
    notes:  what was not carried over, and where it stands.
    """

    config: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def note(self, node: Node, text: str) -> None:
        """Note something about a place in the file."""
        self.notes.append(f"{node.where} {node.path}: {text}")


def imported(document: Node) -> Imported:
    """Turn an alertmanager.yml into ours; raises ConfigError where it is none."""
    if not isinstance(document, Mapping) or "route" not in document:
        raise ConfigError(f"{document.where}: found {describe(document)}; expected a `route`")
    done = Imported()
    route = _mapping(document.get("route"), document)
    done.config["policies"] = _policies(document.get("receivers"), done)
    done.config["oncall"] = {PRIMARY: []}
    done.config["default_policy"] = _text(route.get("receiver"), route)
    done.config["routes"] = [_route(route, done, is_root=True)]
    alerts = _alerts(document, done)
    if alerts:
        done.config["alerts"] = alerts
    for key, value in document:
        if key.text in ("templates", "tracing"):
            done.note(value, "not carried over: messages are worded by Tocsin")
    return done


def _alerts(document: Mapping, done: Imported) -> dict[str, Any]:
    found: dict[str, Any] = {}
    settings = document.get("global")
    if isinstance(settings, Mapping):
        for key, value in settings:
            if key.text == "resolve_timeout":
                found["resolve_timeout"] = _text(value, settings)
            else:
                done.note(value, "not carried over: addresses and secrets belong in `channels`")
    rules = [_inhibit(it) for it in _items(document.get("inhibit_rules"))]
    if rules:
        found["inhibit"] = rules
    intervals: dict[str, Any] = {}
    for section in ("time_intervals", "mute_time_intervals"):
        for entry in _items(document.get(section)):
            mapping = _mapping(entry, entry)
            name = _text(mapping.get("name"), mapping)
            intervals[name] = intervals_of(mapping.get("time_intervals"), mapping)
    if intervals:
        found["time_intervals"] = intervals
    return found


def _route(route: Mapping, done: Imported, *, is_root: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {}
    matchers = [] if is_root else matchers_of(route, MATCHERS)
    if matchers:
        found["match"] = matchers
    for key, value in route:
        name = key.text
        if ours := ROUTE.get(name):
            found[ours] = _plain(value)
        elif name not in (*MATCHERS, "routes"):
            done.note(value, "not carried over: a route of Tocsin has no such key")
    if is_root:
        found |= {name: usual for name, usual in USUAL.items() if name not in found}
    routes = [_route(_mapping(it, it), done) for it in _items(route.get("routes"))]
    if routes:
        found["routes"] = routes
    return found


def _inhibit(node: Node) -> dict[str, Any]:
    rule = _mapping(node, node)
    sides = {
        side: matchers_of(rule, [f"{side}_{key}" for key in MATCHERS])
        for side in ("source", "target")
    }
    equal = [str(_plain(it)) for it in _items(rule.get("equal"))]
    return {**sides, **({"equal": equal} if equal else {})}


def matchers_of(node: Mapping, keys: tuple[str, ...] | list[str]) -> list[str]:
    """Return the matchers of a mapping in our way of writing them.

    keys: of equalities, of patterns, and of a list of matchers.
    """
    equal, pattern, listed = keys
    found = [f"{name}={_quoted(value)}" for name, value in _pairs(node.get(equal))]
    found += [f"{name}=~{_quoted(value)}" for name, value in _pairs(node.get(pattern))]
    for item in _items(node.get(listed)):
        text = _text(item, item).strip()
        inner = text[1:-1] if text.startswith("{") and text.endswith("}") else text
        found += [_matcher(part, item) for part in _SPLIT.findall(inner) if part.strip()]
    return found


def _matcher(text: str, node: Node) -> str:
    found = _SIGN.fullmatch(text)
    if not found:
        raise ConfigError(f"{node.where}: found {text[:80]!r}; expected a matcher")
    name, sign, value = found.groups()
    written = value if value.startswith('"') and value.endswith('"') else _quoted(value)
    try:
        parse_matcher(f"{name}{sign}{written}")
    except ValueError as error:
        raise ConfigError(f"{node.where}: {error}") from error
    return f"{name}{sign}{written}"


def _policies(receivers: Node | None, done: Imported) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in _items(receivers):
        receiver = _mapping(item, item)
        name = _text(receiver.get("name"), receiver)
        rooms = []
        for key, value in receiver:
            if key.text != "name":
                rooms += [room for it in _items(value) if (room := _room(key.text, it, name, done))]
        policy: dict[str, Any] = {"rooms": rooms} if rooms else {}
        found[name] = {**policy, "steps": [{"notify": [{"oncall": PRIMARY}]}]}
    return found


def _room(kind: str, node: Node, name: str, done: Imported) -> dict[str, str] | None:
    """Return where a receiver's messages are shown; None where we cannot, which is noted."""
    section = _mapping(node, node)
    if kind == "email_configs" and isinstance(to := section.get("to"), Scalar):
        return {"email": to.text}
    if kind == "slack_configs" and isinstance(channel := section.get("channel"), Scalar):
        done.note(channel, "write the channel's id instead of its name (View channel details)")
        return {"slack": channel.text}
    if kind == "webhook_configs":
        done.note(node, f"set channels.webhook.urls.{name} to its address, and a key that signs")
        return {"webhook": name}
    if kind in ("msteams_configs", "msteamsv2_configs"):
        done.note(node, f"set channels.teams.rooms.{name} to the address of a Workflow")
        return {"teams": name}
    done.note(node, f"not carried over: {kind}; name people, and how they are reached, in `people`")
    return None


def _items(node: Node | None) -> tuple[Node, ...]:
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return ()
    if not isinstance(node, Sequence):
        raise ConfigError(f"{node.where} {node.path}: found {describe(node)}; expected a list")
    return node.items


def _pairs(node: Node | None) -> list[tuple[str, str]]:
    if node is None:
        return []
    return [(key.text, _text(value, value)) for key, value in _mapping(node, node)]


def _mapping(node: Node | None, above: Node) -> Mapping:
    if not isinstance(node, Mapping):
        found = describe(node) if node is not None else "nothing"
        raise ConfigError(f"{above.where} {above.path}: found {found}; expected a mapping")
    return node


def _text(node: Node | None, above: Node) -> str:
    if not isinstance(node, Scalar) or node.value is None:
        found = describe(node) if node is not None else "nothing"
        raise ConfigError(f"{above.where} {above.path}: found {found}; expected a text")
    return node.text


def _plain(node: Node) -> Any:
    if isinstance(node, Sequence):
        return [_plain(item) for item in node]
    assert isinstance(node, Scalar), node.where
    return node.value


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
