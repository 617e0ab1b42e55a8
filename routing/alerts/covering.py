"""Which of many lists of matchers cover an alert: found by the labels that it has."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Generic, TypeVar

from routing.alerts.guarded import names_exactly
from storage.model.labels import Labels, Matcher, MatchOp

Owner = TypeVar("Owner")


class Index(Generic[Owner]):
    """Lists of matchers with what they belong to.

    One that asks for `label="value"` is looked at only for alerts that have that.
    """

    def __init__(self, entries: Iterable[tuple[Sequence[Matcher], Owner]]) -> None:
        self._everywhere: list[tuple[Sequence[Matcher], Owner]] = []
        self._by_pair: dict[tuple[str, str], list[tuple[Sequence[Matcher], Owner]]] = {}
        for matchers, owner in entries:
            pairs = [(m.name, m.value) for m in matchers if m.op is MatchOp.EQUAL and m.value]
            here = self._by_pair.setdefault(pairs[0], []) if pairs else self._everywhere
            here.append((matchers, owner))

    def covering(self, labels: Labels) -> Iterator[Owner]:
        """Yield what belongs to each list that covers an alert with these labels."""
        pairs = labels if self._by_pair else ()
        near = (it for pair in pairs for it in self._by_pair.get(pair, ()))
        for matchers, owner in chain(near, self._everywhere):
            covers = bool(matchers) and all(matcher.matches(labels) for matcher in matchers)
            if covers and names_exactly(matchers, labels):
                yield owner
