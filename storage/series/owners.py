"""Which source each series came from: so that one source cannot use up the room of all."""

from collections import Counter
from collections.abc import Iterable, Mapping


class Owners:
    """The source that first sent each series; series of no source (our own) are not counted."""

    def __init__(self) -> None:
        self._sources: dict[int, str] = {}
        self._counts: Counter[str] = Counter()

    def count(self, source: str) -> int:
        """Return how many series a source has."""
        return self._counts[source]

    def counts(self) -> Mapping[str, int]:
        """Return how many series each source has."""
        return {source: count for source, count in self._counts.copy().items() if count}

    def learn(self, sources: Mapping[int, str]) -> None:
        """Note whose some series are; what is known already stays."""
        fresh = {
            number: source for number, source in sources.items() if number not in self._sources
        }
        self._sources.update(fresh)
        self._counts.update(fresh.values())

    def of(self, numbers: Iterable[int]) -> dict[int, str]:
        """Return the sources of those series that have one."""
        return {n: source for n in numbers if (source := self._sources.get(n)) is not None}

    def forget(self, numbers: Iterable[int]) -> None:
        """Give the room of series back that are no more."""
        for number in numbers:
            source = self._sources.pop(number, None)
            if source is not None:
                self._counts[source] -= 1
