"""Who feeds which rule: metric names -> rules, series -> source, and how long each source speaks.

Told of everything that was stored; keeps one small entry a series. Reads no clock: `steady` is
elapsed seconds, sample times are Unix seconds.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from routing.rules.rule import Needs, Rule, RuleGroup
from routing.rules.scrapes import Arrival, Scrapes, Target
from routing.rules.sources import Sources
from storage.model.labels import NAME, Labels, Matcher, MatchOp
from storage.model.sample import Appended, is_stale

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
    """What is known of a series; shared by all series of which the same is known."""

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
        self._by_name: dict[str, list[tuple[Watched, tuple[Matcher, ...]]]] = {}
        self._any_name: list[tuple[Watched, tuple[Matcher, ...]]] = []
        self._known: dict[int, Known] = {}  # by the hash of source and labels
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
        self._known.clear()
        self._shared.clear()

    def _index(self, watched: Watched, matchers: tuple[Matcher, ...]) -> None:
        names = [m.value for m in matchers if m.name == NAME and m.op is MatchOp.EQUAL]
        if names:
            self._by_name.setdefault(names[0], []).append((watched, matchers))
        else:
            self._any_name.append((watched, matchers))

    def take(
        self, source: str, appended: Appended, steady: float, *, complete: bool
    ) -> tuple[set[str], set[str]]:
        """Take what one request stored; return the keys of the rules to judge now.

        First those that look at each series alone, then those whose scrape is whole.
        """
        touched = dict[str, Watched]()
        arrivals = list(self._arrivals(source, (source,), appended, touched))
        if arrivals:
            self.sources.heard(source, steady, max(arrival.time for arrival in arrivals))
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
        fresh = appended.fresh
        stale = is_stale(np.array([sample.value for sample in fresh], dtype=np.float64)).tolist()
        for sample, ended in zip(fresh, stale, strict=True):
            series = hash((source, sample.labels))
            known = self._known.get(series)
            if known is None:
                known = self._known[series] = self._learn(sample.labels, source, behind)
            for watched in known.alone:
                touched[watched.key] = watched
            for watched in (*known.alone, *known.combining):
                watched.newest = max(watched.newest, sample.time)
                watched.stored = appended.stored_at
            yield Arrival(
                known.target, sample.time, series, known.name, sample.value, ended, known.keys
            )

    def _learn(self, labels: Labels, source: str, behind: tuple[str, ...]) -> Known:
        """Find the rules that the series feeds, and note who sends it."""
        if len(self._known) >= MOST_KNOWN:
            self._forget()
        name = labels.name
        fed = list(self._fed(labels, name))
        for watched in fed:
            watched.sources.update(behind)
            if watched.needs.alone:
                watched.by_series[hash(labels.without(NAME))] = behind
        target = Target(source, labels.get("job"), labels.get("instance"))
        key = (target, name, tuple(watched.key for watched in fed))
        if key not in self._shared:
            combining = tuple(watched for watched in fed if not watched.needs.alone)
            self._shared[key] = Known(
                target=target,
                name=name,
                alone=tuple(watched for watched in fed if watched.needs.alone),
                combining=combining,
                keys=tuple(watched.key for watched in combining),
            )
        return self._shared[key]

    def _forget(self) -> None:
        """Begin to learn anew: series come and go, and memory is bounded."""
        self._known.clear()
        self._shared.clear()
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

    def fed_by(self, source: str) -> set[str]:
        """Return the keys of the rules that a source feeds."""
        return {key for key, watched in self.rules.items() if source in watched.sources}
