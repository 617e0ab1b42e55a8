"""An alert's trail: what was decided about it on its way, as it was then. Pure.

A reload changes the routes and a silence ends, so what they did is noted when they did it, in
the rows that are written at that moment anyway; a repetition notes nothing. Who was told, and
how the incident went on, stands in the incident's own record.

One line a note, tab separated: seconds since 1970, a word, JSON.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from routing.alerts.route import Branch, branches_of
from routing.delivery.words import shortened
from routing.playbook import Playbook, Route
from storage.model.alert import Alert, Origin
from storage.model.labels import Labels
from storage.model.silence import Mute, MuteKind
from storage.model.standing import Standing

MOST_NOTES, MOST_WAYS, MOST_MUTES = 24, 8, 5
LONGEST_QUERY, LONGEST_LEVEL, LONGEST_NAME = 400, 300, 150


Paths = tuple[tuple[int, ...], ...]


class Note(StrEnum):
    """What a line of a trail says."""

    CAME = "came"
    ROUTED = "routed"
    MUTED = "muted"
    HEARD = "heard"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way through the tree of routes as it was.

    path:   places of the routes, from the root; empty: no route took it.
    levels: what each of them asked for, as matchers are written.
    policy: by which it went.  by: the labels it was grouped by.
    """

    path: tuple[int, ...] = ()
    levels: tuple[str, ...] = ()
    policy: str = ""
    by: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Name the route by where it stood: `routes[0].routes[2]`; empty: none took it."""
        return ".".join(f"routes[{number}]" for number in self.path)

    def group(self, labels: Labels) -> str:
        """Return the key of the group in which an alert with these labels went."""
        grouped = labels if "..." in self.by else labels.keep(*self.by)
        return f"{self.policy}{grouped}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Somebody kept the alert from being heard, from `since` until `to` (None: still)."""

    mute: Mute
    since: datetime
    to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One time that an alert fired.

    source: who told it.  door, rule, group, expr, left_out: as `Origin` says.
    over:   when it resolved; None: it fires.  by: who said so; empty: nobody repeated it in time.
    """

    came: datetime
    source: str = ""
    door: str = ""
    rule: str = ""
    group: str = ""
    expr: str = ""
    left_out: int = 0
    ways: tuple[Way, ...] = ()
    quiet: tuple[Quiet, ...] = ()
    over: datetime | None = None
    by: str = ""

    @property
    def is_only_an_end(self) -> bool:
        """Whether it was over before anybody told that it fires."""
        return self.over == self.came and not self.ways


@dataclass(slots=True)
class Scribe:
    """Notes what one transaction decides; what many alerts share is put into words once."""

    playbook: Playbook
    now: datetime
    _ways: dict[Paths, str] = field(default_factory=dict)
    _fresh: dict[tuple[str, Origin, Paths], str] = field(default_factory=dict)

    def noted(
        self, it: Standing, began: bool, ways: Iterable[Branch], mutes: Sequence[Mute]
    ) -> Alert:
        """Return the alert with its trail as long as it is now.

        ways:  by which it goes.   mutes: everything that keeps it from being heard.
        """
        alert, paths = it.alert, tuple(way.path for way in ways)
        if began and not mutes and not alert.trail:
            return replace(alert, trail=self._first(alert, paths))
        added = list[tuple[Note, str]]()
        if not alert.is_firing:
            by = "" if it.expired else alert.source
            added.append((Note.OVER, _json({"by": by})))
        else:
            if began:
                added.append((Note.CAME, _json(_arrival(alert))))
            if (routed := self._routed(paths)) != _last(alert.trail, Note.ROUTED):
                added.append((Note.ROUTED, routed))
            muted = _json([_mute(mute) for mute in mutes[:MOST_MUTES]]) if mutes else ""
            if muted != ("" if began else _last(alert.trail, Note.MUTED, Note.HEARD, Note.CAME)):
                added.append((Note.MUTED, muted) if muted else (Note.HEARD, ""))
        if not added:
            return alert
        return replace(alert, trail=_short(f"{alert.trail}\n{self._lines(added)}".strip("\n")))

    def _first(self, alert: Alert, paths: Paths) -> str:
        """Return the trail of what was never heard of before: in a storm most of them are alike."""
        key = (alert.source, alert.origin, paths)
        if key not in self._fresh:
            arrived = (Note.CAME, _json(_arrival(alert)))
            self._fresh[key] = self._lines([arrived, (Note.ROUTED, self._routed(paths))])
        return self._fresh[key]

    def _lines(self, notes: Iterable[tuple[Note, str]]) -> str:
        at = f"{self.now.timestamp():.3f}"
        return "\n".join(f"{at}\t{word}\t{text}" for word, text in notes)

    def _routed(self, paths: Paths) -> str:
        if paths not in self._ways:
            found = [_way(path, self.playbook) for path in paths[:MOST_WAYS]]
            self._ways[paths] = _json(found)
        return self._ways[paths]


def trail_of_end(alert: Alert, now: datetime) -> str:
    """Return the trail of what is over before anybody told that it fires."""
    return f"{now.timestamp():.3f}\t{Note.OVER}\t{_json({'by': alert.source})}"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _arrival(alert: Alert) -> dict[str, Any]:
    origin = alert.origin
    told: dict[str, Any] = {
        "source": alert.source,
        "door": origin.door,
        "rule": origin.rule,
        "group": origin.group,
        "expr": shortened(origin.expr, LONGEST_QUERY),
        "left_out": origin.left_out,
    }
    return {name: said for name, said in told.items() if said}


def _way(path: Sequence[int], playbook: Playbook) -> list[Any]:
    """Write what the routes on a way said when it was taken."""
    here = Route(matchers=(), policy=playbook.default)
    levels, routes = [], playbook.routes
    for number in path:
        here = routes[number].under(here)
        levels.append(shortened(", ".join(map(str, here.matchers)), LONGEST_LEVEL))
        routes = here.routes
    policy = here.policy if here.policy in playbook.policies else playbook.default
    by = ("alertname",) if here.group_by is None else here.group_by
    return [list(path), levels, policy, list(by)]


def _mute(mute: Mute) -> list[Any]:
    until = mute.until.timestamp() if mute.until else None
    return [mute.kind.value, shortened(mute.by, LONGEST_NAME), until, mute.id]


def _last(trail: str, *words: Note) -> str:
    """Return what the newest note of one of these kinds says of it; empty where there is none.

    A beginning ends what was noted of mutes before it.
    """
    for line in reversed(trail.split("\n")):
        _, _, rest = line.partition("\t")
        word, _, text = rest.partition("\t")
        if word in words:
            return "" if word == Note.CAME else text
    return ""


def _short(trail: str) -> str:
    """Forget the oldest notes of a long trail, but for its newest beginning and way."""
    lines = trail.split("\n")
    if len(lines) <= MOST_NOTES:
        return trail
    newest = {line.split("\t", 2)[1]: place for place, line in enumerate(lines)}
    kept = {newest.get(Note.CAME), newest.get(Note.ROUTED)}
    first = len(lines) - MOST_NOTES + len(kept)
    return "\n".join(line for place, line in enumerate(lines) if place >= first or place in kept)


def episodes_of(trail: str) -> tuple[Episode, ...]:
    """Read a trail: each time that the alert fired, the oldest first."""
    found: list[Episode] = []
    ways: tuple[Way, ...] = ()
    for line in filter(None, trail.split("\n")):
        seconds, word, text = line.split("\t", 2)
        at = datetime.fromtimestamp(float(seconds), UTC)
        if word == Note.CAME:
            found.append(Episode(came=at, ways=ways, **json.loads(text)))
        elif not found:
            found.append(Episode(came=at, ways=ways))  # its beginning is forgotten
        here = found[-1]
        match word:
            case Note.ROUTED:
                ways = tuple(_read_way(*way) for way in json.loads(text))
                found[-1] = replace(here, ways=ways)
            case Note.MUTED:
                found[-1] = replace(here, quiet=_muted(here.quiet, json.loads(text), at))
            case Note.HEARD:
                found[-1] = replace(here, quiet=_muted(here.quiet, [], at))
            case Note.OVER:
                over = replace(here, over=at, by=json.loads(text)["by"])
                found[-1] = replace(over, quiet=_muted(here.quiet, [], at))
    return tuple(found)


def _read_way(path: list[int], levels: list[str], policy: str, by: list[str]) -> Way:
    return Way(path=tuple(path), levels=tuple(levels), policy=policy, by=tuple(by))


def _muted(before: Sequence[Quiet], now: Sequence[Any], at: datetime) -> tuple[Quiet, ...]:
    """Let what mutes no more end at `at`, and begin what is new; the same with another end goes on.

    What is the same is known by its kind and id.
    """
    mutes = {(mute.kind, mute.id): mute for mute in map(_read_mute, now)}
    after = []
    for quiet in before:
        still = mutes.pop((quiet.mute.kind, quiet.mute.id), None) if quiet.to is None else None
        if still is not None:
            after.append(replace(quiet, mute=still))
        else:
            after.append(quiet if quiet.to else replace(quiet, to=at))
    return (*after, *(Quiet(mute=mute, since=at) for mute in mutes.values()))


def _read_mute(entry: Sequence[Any]) -> Mute:
    kind, by, until, id = entry
    end = None if until is None else datetime.fromtimestamp(until, UTC)
    return Mute(kind=MuteKind(kind), by=by, until=end, id=id)


def ways_now(labels: Labels, playbook: Playbook) -> tuple[Way, ...]:
    """Return the ways that an alert with these labels would go by this playbook."""
    paths = [branch.path for branch in branches_of(labels, playbook)]
    return tuple(_read_way(*_way(path, playbook)) for path in paths[:MOST_WAYS])
