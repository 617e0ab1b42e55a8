"""Which series there are: labels -> series number, and the selection by matchers.

For every (label name, value) the index keeps the ascending numbers of the series that carry it.
An equality reads one such list; a regular expression tries the values of one label name, not the
series. A matcher that accepts the empty value also accepts series without the label, so it is
answered the other way round: all series less those whose value it refuses.

Rules ask for the same series again and again, so what was selected is remembered until a series
comes or goes that could belong to it: one of the same metric, where the matchers name one.

Numbers are never used twice. Threads may select while another one adds.
"""

from array import array
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from threading import Lock

import numpy as np

from storage.model.labels import NAME, Labels, Matcher, MatchOp
from storage.model.roster import Roster
from storage.model.sample import Bools, Ints
from storage.series.newcomers import Newcomers

FEW = 256  # so few candidates are cheaper to look at one by one than to intersect
AT_ONCE = 1_000  # series that become known while others wait
MOST_REMEMBERED = 500_000  # series of all remembered selections together


@dataclass(frozen=True, slots=True)
class Chosen:
    """Selected series: their numbers, ascending, and their labels.

    stamp: what the index had seen of such series when they were selected.
    """

    numbers: Ints
    labels: tuple[Labels, ...]
    stamp: tuple[int, int]


class Index:
    """The labels of all known series."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._numbers: dict[Labels, int] = {}
        self._labels: dict[int, Labels] = {}
        self._by_identity: dict[int, int] = {}  # id() of what `_labels` holds -> number
        self._holders: dict[str, dict[str, array[int]]] = {}
        self._all: array[int] = array("q")
        self._added: Counter[str] = Counter()  # by metric: its series ever added; "" counts all
        self._forgot = 0
        self._remembered: OrderedDict[tuple[Matcher, ...], Chosen] = OrderedDict()
        self._remembered_series = 0
        self.next_number = 0

    def __len__(self) -> int:
        return len(self._labels)

    def get(self, labels: Labels) -> int | None:
        """Return the number of the series with exactly these labels, if it is known."""
        return self._numbers.get(labels)

    def numbers_of(self, labels: Sequence[Labels], *, recurring: bool) -> Ints:
        """Return the number of each series, -1 where it is not known.

        recurring: these very objects will come again. Then they are kept instead of their equals,
        and known the next time by what they are: that is five times as quick as comparing them.
        """
        known = map(self._by_identity.get, map(id, labels), repeat(-1))
        numbers = np.fromiter(known, np.int64, len(labels))
        for place in np.flatnonzero(numbers < 0).tolist():
            number = self._numbers.get(labels[place])
            if number is not None:
                numbers[place] = number
                if recurring:
                    self._keep(number, labels[place])
        return numbers

    def _keep(self, number: int, labels: Labels) -> None:
        """Hold `labels` instead of the equal ones that are held for the series."""
        with self._lock:
            before = self._labels[number]
            self._by_identity.pop(id(before), None)
            del self._numbers[before]
            self._numbers[labels] = number
            self._labels[number] = labels
            self._by_identity[id(labels)] = number

    def labels_of(self, numbers: Iterable[int]) -> tuple[Labels, ...]:
        """Return the labels of known series; one forgotten a moment ago has none."""
        nothing = Labels()
        return tuple(map(self._labels.get, numbers, repeat(nothing)))

    def knows(self, numbers: Ints) -> Bools:
        """Say for each number whether it is a known series."""
        known = np.zeros(max(self.next_number, int(numbers.max(initial=-1)) + 1), dtype=np.bool_)
        known[self.all()] = True
        return known[numbers]

    def learn(self, series: Newcomers, *, recurring: bool = False) -> None:
        """Make series known; those that are known already stay as they are.

        recurring: as in `numbers_of`.  Numbers come in ascending order. The lock is held for
        a few milliseconds only, since the event loop waits for it.
        """
        for part in series.parts(AT_ONCE):
            with self._lock:
                fresh = [number not in self._labels for number in part.numbers.tolist()]
                if not all(fresh):
                    part = part.where(np.array(fresh, dtype=np.bool_))
                if len(part):
                    self._learn(part, recurring=recurring)

    def _learn(self, series: Newcomers, *, recurring: bool) -> None:
        numbers, labels = series.numbers.tolist(), series.labels
        self._numbers.update(zip(labels, numbers, strict=True))
        self._labels.update(zip(numbers, labels, strict=True))
        if recurring:
            self._by_identity.update(zip(map(id, labels), numbers, strict=True))
        self._all.extend(numbers)
        self._added[""] += len(numbers)
        for name, value, held in series.holders():
            holders = self._holders.get(name)
            if holders is None:
                holders = self._holders[name] = {}
            if (known := holders.get(value)) is not None:
                known.frombytes(held.tobytes())
            else:
                holders[value] = array("q", held.tobytes())
            if name == NAME:
                self._added[value] += len(held)
        self.next_number = max(self.next_number, numbers[-1] + 1)

    def by_metric(self, numbers: Ints) -> Ints:
        """Return the numbers with those of one metric behind one another."""
        metrics: defaultdict[str, list[int]] = defaultdict(list)
        for number, labels in zip(numbers.tolist(), self.labels_of(numbers.tolist()), strict=True):
            metrics[labels.name].append(number)
        return np.array([n for name in sorted(metrics) for n in metrics[name]], dtype=np.int64)

    def reserve(self, number: int) -> None:
        """Never give `number` to a new series: samples of it exist whose labels are lost."""
        self.next_number = max(self.next_number, number + 1)

    def all(self) -> Ints:
        """Return the numbers of all series, ascending."""
        with self._lock:
            return np.array(self._all, dtype=np.int64)

    def forget(self, numbers: Iterable[int]) -> None:
        """Drop series of which no sample is left."""
        gone: set[int] = set()
        touched: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        with self._lock:
            self._forgot += 1
            for number in numbers:
                labels = self._labels.pop(number, None)
                if labels is None:
                    continue
                gone.add(number)
                self._by_identity.pop(id(labels), None)
                if self._numbers.get(labels) == number:
                    del self._numbers[labels]
                for pair in labels:
                    touched[pair].add(number)
            self._all = _less(self._all, gone)
            for (name, value), drop in touched.items():
                left = _less(self._holders[name][value], drop)
                if left:
                    self._holders[name][value] = left
                    continue
                del self._holders[name][value]
                if not self._holders[name]:
                    del self._holders[name]

    def choose(self, matchers: Sequence[Matcher]) -> Chosen:
        """Return the series that satisfy all matchers, with their labels."""
        key = tuple(matchers)
        with self._lock:
            stamp = self._stamp(key)
        if (known := self.remembered(key)) is not None:
            return known
        numbers = self.select(key)
        chosen = Chosen(numbers, Roster(self.labels_of(numbers.tolist())), stamp)
        with self._lock:
            self._remember(key, chosen)
        return chosen

    def remembered(self, matchers: tuple[Matcher, ...]) -> Chosen | None:
        """Return what `choose` would, if it need not look."""
        with self._lock:
            known = self._remembered.get(matchers)
            if known is None or known.stamp != self._stamp(matchers):
                return None
            self._remembered.move_to_end(matchers)
            return known

    def _stamp(self, matchers: tuple[Matcher, ...]) -> tuple[int, int]:
        """Return a number that changes with the series that could satisfy the matchers."""
        named = (m.value for m in matchers if m.name == NAME and m.op is MatchOp.EQUAL)
        return self._forgot, self._added[next(named, "")]

    def _remember(self, key: tuple[Matcher, ...], chosen: Chosen) -> None:
        before = self._remembered.pop(key, None)
        self._remembered_series -= len(before.numbers) + 1 if before else 0
        if len(chosen.numbers) > MOST_REMEMBERED:
            return
        self._remembered[key] = chosen
        self._remembered_series += len(chosen.numbers) + 1
        while self._remembered_series > MOST_REMEMBERED:
            _, oldest = self._remembered.popitem(last=False)
            self._remembered_series -= len(oldest.numbers) + 1

    def select(self, matchers: Sequence[Matcher]) -> Ints:
        """Return the numbers, ascending, of the series that satisfy all matchers."""
        positive = [matcher for matcher in matchers if not matcher.matches_value("")]
        negative = [matcher for matcher in matchers if matcher.matches_value("")]
        found: Ints | None = None
        for matcher in sorted(positive, key=self._cost):
            if found is None:
                found = self._holding(matcher, matcher.matches_value)
            else:
                found = self._narrow(found, matcher, wanted=True)
        if found is None:
            found = self.all()
        for matcher in negative:
            found = self._narrow(found, matcher, wanted=False)
        return found

    def names(self, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return the label names in use, sorted; with matchers, those of the series they select."""
        if not matchers:
            with self._lock:
                return tuple(sorted(self._holders))
        chosen = self.labels_of(self.select(matchers).tolist())
        return tuple(sorted({name for labels in chosen for name, _ in labels}))

    def values(self, name: str, matchers: Sequence[Matcher] = ()) -> tuple[str, ...]:
        """Return the values of one label name, sorted; with matchers, of what they select."""
        if not matchers:
            with self._lock:
                return tuple(sorted(self._holders.get(name, ())))
        chosen = self.labels_of(self.select(matchers).tolist())
        return tuple(sorted({labels.get(name) for labels in chosen} - {""}))

    def _cost(self, matcher: Matcher) -> float:
        if matcher.op is not MatchOp.EQUAL:
            return float("inf")
        with self._lock:
            return len(self._holders.get(matcher.name, {}).get(matcher.value, ()))

    def _narrow(self, found: Ints, matcher: Matcher, *, wanted: bool) -> Ints:
        """Keep of `found` what `matcher` accepts; `wanted`: it needs the label to be there."""
        if len(found) <= FEW:
            kept = [matcher.matches(labels) for labels in self.labels_of(found.tolist())]
            return found[np.array(kept, dtype=np.bool_)]
        if wanted:
            return found[np.isin(found, self._holding(matcher, matcher.matches_value))]
        refused = self._holding(matcher, lambda value: not matcher.matches_value(value))
        return found[~np.isin(found, refused)]

    def _holding(self, matcher: Matcher, accept: Callable[[str], bool]) -> Ints:
        """Return the series that carry the label with a value that `accept` takes."""
        with self._lock:
            holders = self._holders.get(matcher.name, {})
            exact = matcher.op in (MatchOp.EQUAL, MatchOp.NOT_EQUAL) and accept(matcher.value)
            if exact:  # `=x` looks for x, the other way round of `!=x` does so too
                return np.array(holders.get(matcher.value, ()), dtype=np.int64)
            values = list(holders)
        accepted = [value for value in values if accept(value)]
        with self._lock:
            lists = [np.array(holders[value], np.int64) for value in accepted if value in holders]
        return np.sort(np.concatenate(lists)) if lists else np.empty(0, dtype=np.int64)


def _less(numbers: "array[int]", gone: set[int]) -> "array[int]":
    return array("q", [number for number in numbers if number not in gone])
