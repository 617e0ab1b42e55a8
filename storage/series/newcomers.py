"""Series that become known together, and how the journal writes them.

The series of a fleet share most of their labels. So each pair of name and value stands there once,
and the series point at pairs: that is quick to write, to read back and to enter in the index.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

import numpy as np

from storage.model.labels import Labels
from storage.model.sample import Bools, Ints

PREFACE = struct.Struct("<IIIIII")
"""How many series, places, pairs, sources and series of a source there are; the texts' bytes."""


@dataclass(frozen=True)
class Newcomers:
    """Some series. numbers: ascending.  labels: one a series.

    pairs: the pairs of all labels, each once.
    places: for all series in turn the places of their labels in `pairs`.
    sizes: how many labels each series has.
    sources: number -> which source a series is of, where of one.
    """

    numbers: Ints
    labels: Sequence[Labels]
    pairs: Sequence[tuple[str, str]]
    places: Ints
    sizes: Ints
    sources: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, series: Iterable[tuple[int, Labels]] = (), sources: Mapping[int, str] | None = None
    ) -> "Newcomers":
        """Take numbers and labels as they are; numbers ascend."""
        known = tuple(series)
        labels = [labels for _, labels in known]
        flat = [*chain.from_iterable(labels)]
        place = {pair: number for number, pair in enumerate(dict.fromkeys(flat))}
        return cls(
            numbers=np.array([number for number, _ in known], dtype=np.int64),
            labels=labels,
            pairs=tuple(place),
            places=np.array([place[pair] for pair in flat], dtype=np.int64),
            sizes=np.array([*map(len, labels)], dtype=np.int64),
            sources=sources or {},
        )

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, keep: Bools) -> "Newcomers":
        """Return the series that `keep` marks, without their sources; all pairs stay."""
        return Newcomers(
            self.numbers[keep],
            [labels for labels, kept in zip(self.labels, keep.tolist(), strict=True) if kept],
            self.pairs,
            self.places[np.repeat(keep, self.sizes)],
            self.sizes[keep],
        )

    def parts(self, most: int) -> "Iterator[Newcomers]":
        """Cut into parts of at most so many series."""
        ends = np.append(0, np.cumsum(self.sizes))
        for begin in range(0, len(self), most):
            some = slice(begin, begin + most)
            places = self.places[ends[begin] : ends[min(begin + most, len(self))]]
            yield Newcomers(
                self.numbers[some], self.labels[some], self.pairs, places, self.sizes[some]
            )

    def holders(self) -> Iterator[tuple[str, str, Ints]]:
        """Iterate over the pairs that are used: name, value, the numbers that have them."""
        order = np.argsort(self.places, kind="stable")
        places, numbers = self.places[order], np.repeat(self.numbers, self.sizes)[order]
        cuts = [*np.flatnonzero(np.diff(places, prepend=-1)).tolist(), len(places)]
        for begin, end in pairwise(cuts):
            yield *self.pairs[int(places[begin])], numbers[begin:end]


def encode(series: Newcomers) -> bytes:
    """Write series as bytes."""
    sources = {
        source: number for number, source in enumerate(dict.fromkeys(series.sources.values()))
    }
    owned = series.sources.items()
    texts = [*chain.from_iterable(series.pairs), *sources]
    text = "".join(texts).encode("utf-8", "surrogatepass")
    counts = len(series), len(series.places), len(series.pairs), len(sources), len(owned), len(text)
    columns = (
        series.numbers,
        series.sizes,
        series.places,
        [number for number, _ in owned],
        [sources[source] for _, source in owned],
        [*map(len, texts)],
    )
    written = (np.asarray(column, dtype="<u4").tobytes() for column in columns)
    return b"".join((PREFACE.pack(*counts), *written, text))


def decode(data: bytes, at: int = 0) -> tuple[Newcomers, int]:
    """Read what `encode` wrote at `at`; return it, and where it ends.

    Raises ValueError, IndexError or struct.error where it is something else.
    """
    series, places, pairs, sources, owned, size = PREFACE.unpack_from(data, at)
    at += PREFACE.size
    columns: list[Ints] = []
    for length in (series, series, places, owned, owned, 2 * pairs + sources):
        columns.append(np.frombuffer(data, "<u4", length, at).astype(np.int64))
        at += 4 * length
    numbers, sizes, where, owners, source_of, lengths = columns
    text = data[at : at + size].decode("utf-8", "surrogatepass")
    ends = np.cumsum(lengths).tolist()
    if len(text) != (ends[-1] if ends else 0):
        raise ValueError(f"texts of {len(text)} characters")
    texts = [text[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    shared = Labels.read(zip(texts[: 2 * pairs : 2], texts[1 : 2 * pairs : 2], strict=True))
    flat = [shared[place] for place in where.tolist()]
    cuts = np.append(0, np.cumsum(sizes)).tolist()
    names = texts[2 * pairs :]
    found = Newcomers(
        numbers=numbers,
        labels=[Labels(flat[begin:end]) for begin, end in pairwise(cuts)],
        pairs=shared,
        places=where,
        sizes=sizes,
        sources={
            number: names[n] for number, n in zip(owners.tolist(), source_of.tolist(), strict=True)
        },
    )
    return found, at + size
