"""Who feeds which rule: metric names -> rules, series -> source, and how long each source speaks.

Told of everything that was stored; keeps one small entry a series. Reads no clock: `steady` is
elapsed seconds, sample times are Unix seconds.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np

from routing.rules.rule import Needs, Rule, RuleGroup
from routing.rules.scrapes import EVERY_REPORT, Arrival, Scrapes, Target
from routing.rules.sources import Sources
from storage.model.labels import NAME, Labels, Matcher, MatchOp
from storage.model.sample import Appended, Columns, Ints, is_stale

AT_ONCE: Final = 200
"""New series that are learned in one step: some two milliseconds."""

MOST_KNOWN: Final = 1_000_000
"""Series that are remembered; beyond it all are learned anew."""


@dataclass(slots=True)
class Watched:
    """A rule in force, and what is known of the series that feed it.

    sources:   everyone who sent a sample that one of its selectors takes.
    by_series: for a rule that looks at each series alone: hash of a series' labels without the
               name -> who sends it; fresh since start-up.
    newest:    time of the newest sample that feeds it.  stored: when the last one was stored.
    """

    rule: Rule
    key: str
    needs: Needs
    group: str
    sources: set[str] = field(default_factory=set)
    by_series: dict[int, tuple[str, ...]] = field(default_factory=dict)
    newest: float = 0.0
    stored: float | None = None

    def sources_of(self, labels: Labels) -> tuple[str, ...]:
        """Return who sends the series with these labels; all that feed the rule if unknown."""
        known = self.by_series.get(hash(labels.without(NAME)))
        return known if known is not None else tuple(sorted(self.sources))

    def is_fresh(self, labels: Labels) -> bool:
        """Say whether this very series got a sample since start-up."""
        return hash(labels.without(NAME)) in self.by_series


class Known(NamedTuple):
    """What is known of a series; shared by all series of which the same is known.

    place: among all that is known.  name: of a scrape's own report, else "".
    """

    place: int
    target: Target
    name: str
    alone: tuple[Watched, ...]
    combining: tuple[Watched, ...]
    keys: tuple[str, ...]


class Feeds:
    """The rules in force and what feeds them; swapped whole on reload by `watch`.

    A series costs one entry of a dictionary; one that feeds a rule which looks at each series
    alone one more for each such rule.
    """

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.scrapes = Scrapes()
        self.rules: dict[str, Watched] = {}
        self._combines = False
        self._by_name: dict[str, list[tuple[Watched, tuple[Matcher, ...]]]] = {}
        self._any_name: list[tuple[Watched, tuple[Matcher, ...]]] = []
        self._known: dict[str, dict[int, int]] = {}  # source -> series -> place in `_all`
        self._all: list[Known] = []
        self._shared: dict[tuple[Target, str, tuple[str, ...]], Known] = {}

    def watch(self, groups: Sequence[RuleGroup]) -> None:
        """Put these rules in force; what is known of rules that stay is kept."""
        before, self.rules = self.rules, {}
        self._by_name, self._any_name = {}, []
        for group in groups:
            for rule in group.rules:
                key = rule.key
                watched = before.get(key) or Watched(rule, key, Needs.of(rule), group.key)
                watched.rule, watched.group = rule, group.key
                self.rules[key] = watched
                for matchers in watched.needs.selectors:
                    self._index(watched, matchers)
        self._combines = any(not watched.needs.alone for watched in self.rules.values())
        self._begin_anew()

    def _index(self, watched: Watched, matchers: tuple[Matcher, ...]) -> None:
        named = [m for m in matchers if m.name == NAME and m.op is MatchOp.EQUAL]
        if named:
            others = tuple(matcher for matcher in matchers if matcher is not named[0])
            self._by_name.setdefault(named[0].value, []).append((watched, others))
        else:
            self._any_name.append((watched, matchers))

    def learn(self, source: str, appended: Appended) -> Iterator[None]:
        """Learn the series that are new in what one request stored, a few at each step.

        `take` would learn them all at once, and of a fleet's first scrape that is a long time.
        """
        labels = Columns.of(appended.fresh).labels
        series = _named(appended, labels)
        if self._known.get(source, {}).keys() >= set(series):
            return
        for first in range(0, len(series), AT_ONCE):
            part = slice(first, first + AT_ONCE)
            self._places(source, (source,), series[part], labels[part])
            yield

    def take(
        self, source: str, appended: Appended, steady: float, *, complete: bool
    ) -> tuple[set[str], set[str]]:
        """Take what one request stored; return the keys of the rules to judge now.

        First those that look at each series alone, then those whose scrape is whole.
        """
        touched = dict[str, Watched]()
        arrivals = list(self._arrivals(source, (source,), appended, touched))
        if arrivals:
            newest = max(arrival.time for arrival in arrivals)
            self.sources.heard(source, steady, newest, appended.stored_at - newest)
        if not self._combines:
            return set(touched), set()  # then nobody asks whether a scrape is whole
        return set(touched), self.scrapes.take(arrivals, steady, complete=complete)

    def take_recorded(self, by: Watched, appended: Appended) -> set[str]:
        """Take what a recording rule wrote, fed by its sources; return the rules to judge now."""
        touched = dict[str, Watched]()
        behind = tuple(sorted(by.sources))
        combining: set[str] = set()
        for arrival in self._arrivals("", behind, appended, touched):
            combining.update(arrival.rules)
        return (touched.keys() | combining) - {by.key}

    def _arrivals(
        self,
        source: str,
        behind: tuple[str, ...],
        appended: Appended,
        touched: dict[str, Watched],
    ) -> Iterator[Arrival]:
        """Put together what one request stored of each target and moment.

        Samples of which the same is known, of the same moment, are one arrival: the steps of
        Python are few, however many samples there are.
        """
        fresh = Columns.of(appended.fresh)
        if not len(fresh):
            return
        series = _named(appended, fresh.labels)
        known = self._places(source, behind, series, fresh.labels)
        stale = is_stale(np.ascontiguousarray(fresh.values))
        moments, moment = np.unique(fresh.times, return_inverse=True)
        key = known * len(moments) + moment
        order = np.argsort(key, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
            one, time = self._all[known[rows[0]]], float(fresh.times[rows[0]])
            for watched in one.alone:
                touched[watched.key] = watched
            for watched in (*one.alone, *one.combining):
                watched.newest = max(watched.newest, time)
                watched.stored = appended.stored_at
            live, ended = rows[~stale[rows]].tolist(), rows[stale[rows]].tolist()
            yield Arrival(
                target=one.target,
                time=time,
                name=one.name,
                value=float(fresh.values[rows[-1]]),
                live=[series[row] for row in live],
                ended=[series[row] for row in ended],
                rules=one.keys,
            )

    def _places(
        self, source: str, behind: tuple[str, ...], series: list[int], labels: Sequence[Labels]
    ) -> Ints:
        """Say for each sample what is known of its series: a place in `_all`."""
        known = self._known.setdefault(source, {})
        places = np.fromiter(map(known.get, series, repeat(-1)), np.int64, len(series))
        new = np.flatnonzero(places < 0).tolist()
        if new and sum(map(len, self._known.values())) + len(new) > MOST_KNOWN:
            self._forget()
            known = self._known.setdefault(source, {})
            new = list(range(len(series)))
        for row in new:
            if series[row] not in known:
                known[series[row]] = self._learn(labels[row], source, behind).place
            places[row] = known[series[row]]
        return places

    def _learn(self, labels: Labels, source: str, behind: tuple[str, ...]) -> Known:
        """Find the rules that the series feeds, and note who sends it."""
        name = labels.name
        fed = list(self._fed(labels, name))
        for watched in fed:
            watched.sources.update(behind)
            if watched.needs.alone:
                watched.by_series[hash(labels.without(NAME))] = behind
        target = Target(source, labels.get("job"), labels.get("instance"))
        said = name if name in EVERY_REPORT else ""
        key = (target, said, tuple(watched.key for watched in fed))
        if key not in self._shared:
            combining = tuple(watched for watched in fed if not watched.needs.alone)
            self._shared[key] = Known(
                place=len(self._all),
                target=target,
                name=said,
                alone=tuple(watched for watched in fed if watched.needs.alone),
                combining=combining,
                keys=tuple(watched.key for watched in combining),
            )
            self._all.append(self._shared[key])
        return self._shared[key]

    def _begin_anew(self) -> None:
        self._known.clear()
        self._all.clear()
        self._shared.clear()

    def _forget(self) -> None:
        """Begin to learn anew: series come and go, and memory is bounded."""
        self._begin_anew()
        self.scrapes.forget_targets()
        for watched in self.rules.values():
            watched.by_series.clear()

    def _fed(self, labels: Labels, name: str) -> Iterable[Watched]:
        candidates = [*self._by_name.get(name, ()), *self._any_name]
        fed = {
            watched.key: watched
            for watched, matchers in candidates
            if all(matcher.matches(labels) for matcher in matchers)
        }
        return fed.values()

    def watches(self, name: str) -> bool:
        """Say whether any rule may look at series of this name."""
        return bool(self._any_name) or name in self._by_name

    def fed_by(self, source: str) -> set[str]:
        """Return the keys of the rules that a source feeds."""
        return {key for key, watched in self.rules.items() if source in watched.sources}


def _named(appended: Appended, labels: Sequence[Labels]) -> list[int]:
    """Return a number that names the series of each sample."""
    if appended.numbers is not None:
        return [*appended.numbers.tolist()]
    return list(map(hash, labels))
