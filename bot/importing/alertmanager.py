"""An alertmanager.yml becomes policies, routes and what mutes; what is lost is named.

Source: https://prometheus.io/docs/alerting/latest/configuration/.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from bot.config.fields import parse_matcher
from bot.importing.intervals import intervals_of
from bot.importing.nodes import items, mapping, text
from bot.importing.receivers import PRIMARY, Receivers, receivers_of
from storage.documents import Mapping, Node, Scalar, Sequence, describe
from storage.errors import ConfigError
from storage.model.alert import Severity
from storage.model.labels import MatchOp

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
USUAL = {"group_by": [], "group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}
"""What Alertmanager does where its root route does not say; ours would be otherwise."""
MATCHERS = ("match", "match_re", "matchers")
KNOWN = ("global", "route", "receivers", "inhibit_rules", "time_intervals", "mute_time_intervals")
SEVERITIES = frozenset({*Severity, "info"})
NEVER = "told-to-nobody"
"""The time interval, all of time, that mutes what goes to a receiver that sends nothing."""
SWITCH = frozenset({"Watchdog", "DeadMansSwitch", "DeadMansSnitch"})
"""Alerts that always fire, so that somebody elsewhere notices when they no longer come."""
OF_SWITCH = (
    "a dead man's switch: muted at all times, so that nobody is asked; Tocsin calls the address in "
    "`heartbeat` by itself"
)
ANY = 'alertname=~".*"'
"""What an inhibition without matchers means: any alert."""
_SPLIT = re.compile(r'\s*((?:[^",]|"(?:[^"\\]|\\.)*")+)\s*(?:,|$)')
_SIGN = re.compile(r'\s*("(?:[^"\\]|\\.)+"|[^=!~\s]+)\s*(=~|!~|!=|=)\s*(.*?)\s*', re.DOTALL)


@dataclass(slots=True)
class Imported:
    """What was read.

    config:    sections of our configuration, as they are written.
    notes:     what was not carried over, and where it stands.
    receivers: which became policies.
    clock:     the time zone of this machine; empty: nobody knows.
    has_switch: there is a route of a dead man's switch.
    severities: those that were noted as unknown.
    """

    config: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    receivers: Receivers = field(default_factory=Receivers)
    clock: str = ""
    has_switch: bool = False
    severities: set[str] = field(default_factory=set)

    def note(self, node: Node, said: str) -> None:
        """Note something about a place in the file."""
        self.notes.append(f"{node.where} {node.path}: {said}")

    def policy(self, receiver: str) -> str:
        """Return our name of a receiver."""
        return self.receivers.names.get(receiver, receiver)


def imported(document: Node, clock: str = "") -> Imported:
    """Turn an alertmanager.yml into ours; raises ConfigError where it is none.

    clock: the time zone of this machine; empty: nobody knows.
    """
    if not isinstance(document, Mapping) or "route" not in document:
        raise ConfigError(f"{document.where}: found {describe(document)}; expected a `route`")
    done = Imported(clock=clock)
    route = mapping(document.get("route"), document)
    done.receivers = receivers_of(document.get("receivers"), done.note)
    done.config["policies"] = done.receivers.policies
    done.config["oncall"] = {PRIMARY: []}
    done.config["default_policy"] = done.policy(text(route.get("receiver"), route))
    done.config["routes"] = [_route(route, done, is_root=True)]
    alerts = _alerts(document, done)
    if alerts:
        done.config["alerts"] = alerts
    for key, value in document:
        if key.text == "templates":
            done.note(value, "not carried over: messages are worded by Tocsin")
        elif key.text not in KNOWN:
            done.note(value, f"not carried over: {key.text}")
    return done


def _alerts(document: Mapping, done: Imported) -> dict[str, Any]:
    found: dict[str, Any] = {}
    settings = document.get("global")
    if isinstance(settings, Mapping):
        for key, value in settings:
            if key.text == "resolve_timeout":
                found["resolve_timeout"] = text(value, settings)
            else:
                done.note(value, "not carried over: addresses and secrets belong in `channels`")
    read = [_inhibit(it, done) for it in items(document.get("inhibit_rules"))]
    rules = [rule for rule in read if rule]
    if rules:
        found["inhibit"] = rules
    intervals: dict[str, Any] = {}
    for section in ("time_intervals", "mute_time_intervals"):
        for entry in items(document.get(section)):
            named = mapping(entry, entry)
            name = text(named.get("name"), named)
            intervals[name] = intervals_of(
                named.get("time_intervals"), named, done.note, done.clock
            )
    if done.receivers.silent or done.has_switch:
        intervals[NEVER] = [{}]
    if intervals:
        found["time_intervals"] = intervals
    return found


def _route(
    route: Mapping, done: Imported, above: str = "", *, is_root: bool = False
) -> dict[str, Any]:
    """Read a route and those below it. above: the policy of the route above."""
    found: dict[str, Any] = {}
    matchers = [] if is_root else matchers_of(route, MATCHERS)
    if matchers:
        found["match"] = matchers
    _note_severities(route, matchers, done)
    for key, value in route:
        name = key.text
        if ours := ROUTE.get(name):
            found[ours] = _plain(value)
        elif name not in (*MATCHERS, "routes"):
            done.note(value, "not carried over: a route of Tocsin has no such key")
    if is_root:
        found |= {name: usual for name, usual in USUAL.items() if name not in found}
    if "policy" in found:
        found["policy"] = done.policy(str(found["policy"]))
    policy = found.get("policy", above)
    is_switch = policy in done.receivers.hooks and _asks_switch(matchers)
    if is_switch:
        done.note(route, OF_SWITCH)
        done.has_switch = True
    if is_switch or policy in done.receivers.silent:
        found["mute_time_intervals"] = [*found.get("mute_time_intervals", ()), NEVER]
    routes = [_route(mapping(it, it), done, policy) for it in items(route.get("routes"))]
    if routes:
        found["routes"] = routes
    return found


def _asks_switch(matchers: list[str]) -> bool:
    """Say whether only a dead man's switch can satisfy these."""
    return any(
        it.name == "alertname"
        and it.op in (MatchOp.EQUAL, MatchOp.REGEX)
        and SWITCH.issuperset(it.value.split("|"))
        for it in map(parse_matcher, matchers)
    )


def _note_severities(route: Mapping, matchers: list[str], done: Imported) -> None:
    """Name severities that nobody here knows: what was paged would come by chat alone."""
    for matcher in map(parse_matcher, matchers):
        if matcher.name == "severity" and matcher.op in (MatchOp.EQUAL, MatchOp.REGEX):
            words = [word for word in re.split(r"[|()^$]", matcher.value) if word.isalnum()]
            new = [it for it in words if it.lower() not in SEVERITIES | done.severities]
            done.severities.update(word.lower() for word in new)
            for word in new:
                done.note(
                    route,
                    f"severity {word!r} is none of Tocsin's, and counts as a warning: "
                    "who is asked hears of it by chat; say `by` in the policy's step",
                )


def _inhibit(node: Node, done: Imported) -> dict[str, Any]:
    """Read a rule; empty where it has more sources than one of ours."""
    rule = mapping(node, node)
    if (several := rule.get("sources")) is not None:
        done.note(several, "not carried over: this rule; write one for each of its sources")
        return {}
    keys = {side: [f"{side}_{key}" for key in MATCHERS] for side in ("source", "target")}
    sides = {side: matchers_of(rule, keys[side]) or [ANY] for side in keys}
    for key, value in rule:
        if key.text not in (*keys["source"], *keys["target"], "equal", "name"):
            done.note(value, f"not carried over: {key.text}")
    equal = [str(_plain(it)) for it in items(rule.get("equal"))]
    return {**sides, **({"equal": equal} if equal else {})}


def matchers_of(node: Mapping, keys: tuple[str, ...] | list[str]) -> list[str]:
    """Return the matchers of a mapping in our way of writing them.

    keys: of equalities, of patterns, and of a list of matchers.
    """
    equal, pattern, listed = keys
    found = [f"{name}={_quoted(value)}" for name, value in _pairs(node.get(equal))]
    found += [f"{name}=~{_quoted(value)}" for name, value in _pairs(node.get(pattern))]
    for item in items(node.get(listed)):
        told = text(item, item).strip()
        inner = told[1:-1] if told.startswith("{") and told.endswith("}") else told
        found += [_matcher(part, item) for part in _SPLIT.findall(inner) if part.strip()]
    return found


def _matcher(told: str, node: Node) -> str:
    found = _SIGN.fullmatch(told)
    if not found:
        raise ConfigError(f"{node.where}: found {told[:80]!r}; expected a matcher")
    name, sign, value = found.groups()
    written = value if value.startswith('"') and value.endswith('"') else _quoted(value)
    try:
        parse_matcher(f"{name}{sign}{written}")
    except ValueError as error:
        raise ConfigError(f"{node.where}: {error}") from error
    return f"{name}{sign}{written}"


def _pairs(node: Node | None) -> list[tuple[str, str]]:
    if node is None:
        return []
    return [(key.text, text(value, value)) for key, value in mapping(node, node)]


def _plain(node: Node) -> Any:
    if isinstance(node, Sequence):
        return [_plain(item) for item in node]
    assert isinstance(node, Scalar), node.where
    return node.value


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
