"""Labels as people type them, and where they lead in sentences; for chat and the command line."""

from collections.abc import Mapping, Sequence

from bot.chat.matchers import read_matchers
from routing.delivery.words import listed
from routing.playbook import Playbook, Route
from routing.whither import Asked, Way
from storage.model.labels import Labels, Matcher, MatchOp
from storage.units import human_duration

EXPECTED = "expected labels, as in `severity=critical service=checkout`"


def read_labels(words: Sequence[str]) -> Labels:
    """Read `severity=critical team="a b"`; raises ValueError.

    A word with a blank in it comes from a shell, which has taken its quotes away: it is one label.
    """
    whole = any(" " in word for word in words)
    matchers, left = ([], list(words)) if whole else _matchers(words)
    found = {it.name: it.value for it in matchers}
    for word in left:
        name, sign, value = word.partition("=")
        if not sign or not name or name[-1] in "!~" or value.startswith("~"):
            raise ValueError(f"found {word[:80]!r}; {EXPECTED}")
        found[name] = value.strip('"')
    if not found:
        raise ValueError(EXPECTED)
    return Labels.of(found)


def _matchers(words: Sequence[str]) -> tuple[list[Matcher], list[str]]:
    matchers, left = read_matchers(" ".join(words))
    if other := next((it for it in matchers if it.op is not MatchOp.EQUAL), None):
        raise ValueError(f"found {str(other)[:80]!r}; {EXPECTED}")
    return matchers, left.split()


def told(
    labels: Labels,
    ways: Sequence[Way],
    playbook: Playbook,
    homes: Mapping[str, str] = {},
) -> list[str]:
    """Say where an alert with these labels goes, a paragraph for each way.

    homes: by group, the incident that it would come to, in a sentence.
    """
    lines = []
    seen = playbook.catalogue.enriched(labels)
    if more := [f"{k}={v}" for k, v in seen if labels.get(k) != v]:
        lines.append(f"The catalogue adds {' '.join(more)}.")
    for way in ways:
        lines += _way(way, playbook, homes.get(way.branch.group, ""))
    return lines


def _way(way: Way, playbook: Playbook, home: str) -> list[str]:
    branch = way.branch
    lines = [f"{_why(branch.path, playbook)} -> policy {branch.key.policy}, group {branch.key}"]
    lines += [f"  quiet now: {reason}" for reason in way.quiet]
    lines += [f"  {home}"] if home else []
    lines += [f"  {_step(step)}" for step in way.steps] or ["  nobody is asked"]
    lines.append(f"  {_waits(way)}")
    rooms = [f"{room.channel} {room.address}" for room in branch.policy.rooms]
    return [*lines, f"  shown in {', '.join(rooms)}"] if rooms else lines


def _why(path: tuple[int, ...], playbook: Playbook) -> str:
    """Name the route by its place in the configuration and what it asks for."""
    if not path:
        return "no route takes it"
    place, routes, matchers = "", playbook.routes, list[str]()
    for number in path:
        route: Route = routes[number]
        place += f".routes[{number}]" if place else f"routes[{number}]"
        matchers += map(str, route.matchers)
        routes = route.routes
    return f"{place} ({', '.join(matchers) or 'takes everything'})"


def _waits(way: Way) -> str:
    """Say when it is told again, when of what joins, and what counts as flapping."""
    policy, rule = way.branch.policy, way.branch.policy.flapping
    parts = [
        f"unanswered: again after {human_duration(way.again)}" if way.again else "told once",
        f"what joins later: after {human_duration(policy.group_interval)}"
        if policy.group_interval
        else "what joins later: at once",
    ]
    if rule.times:
        parts.append(f"flapping: {rule.times} times in {human_duration(rule.within)}")
    return "; ".join(parts)


def _step(step: Asked) -> str:
    when = f"after {human_duration(step.after)}" if step.after else "at once"
    people = [f"{name} by {listed(list(ways)) or 'nothing yet'}" for name, ways in step.people]
    return f"{when}: {'; '.join(people) or 'nobody can be reached'}"
