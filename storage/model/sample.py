"""Samples as they come in, and what the store said about them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from storage.model.labels import Labels

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

STALE_BITS = 0x7FF0000000000002
STALE: float = float(np.array([STALE_BITS], dtype=np.uint64).view(np.float64)[0])
"""Prometheus' staleness marker: one particular NaN, told from other NaNs by its bits alone."""


def is_stale(values: Floats) -> Bools:
    """Say for each value whether it is the staleness marker (bit pattern, not just NaN)."""
    found: Bools = values.view(np.uint64) == STALE_BITS
    return found


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading: `time` in Unix seconds (milliseconds kept), `value` in the metric's own unit."""

    labels: Labels
    time: float
    value: float


class Columns(Sequence[Sample]):
    """Samples as one column each of labels, times and values; a `Sample` is made where one is
    asked for. Who reads many at a time takes the columns.

    labels: of a series that comes again the very object that came before, as far as possible:
            the store knows a series by that without comparing its labels.
    """

    __slots__ = ("labels", "times", "values")

    def __init__(self, labels: Sequence[Labels], times: Floats, values: Floats) -> None:
        self.labels, self.times, self.values = labels, times, values

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "Columns":
        """Return any samples as columns."""
        if isinstance(samples, Columns):
            return samples
        return cls(
            [sample.labels for sample in samples],
            np.array([sample.time for sample in samples], dtype=np.float64),
            np.array([sample.value for sample in samples], dtype=np.float64),
        )

    def where(self, keep: Bools) -> "Columns":
        """Return the samples that `keep` marks."""
        return Columns(list(compress(self.labels, keep)), self.times[keep], self.values[keep])

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> "Columns": ...
    def __getitem__(self, place: int | slice) -> "Sample | Columns":
        """Return one sample, or some as columns."""
        if isinstance(place, slice):
            return Columns(self.labels[place], self.times[place], self.values[place])
        return Sample(self.labels[place], float(self.times[place]), float(self.values[place]))

    def __iter__(self) -> Iterator[Sample]:
        """Make all samples, one after the other."""
        return map(Sample, self.labels, self.times.tolist(), self.values.tolist())


@dataclass(frozen=True, slots=True)
class Batch:
    """What one ingest request carries.

    samples:  in the order they came; per series times normally ascend.
    complete: True where the sender vouches that this is a whole scrape (all series of each
              (job, instance) it names, for the times it holds), so that rules which combine
              series may be judged at once.
    metadata: metric name -> {"type", "help", "unit"}, as far as the sender told.
    ignored:  what came along that cannot be stored (`native_histogram`) -> count; told, not lost
              in silence.
    examples: reason in `ignored` -> one sentence about the first that was ignored for it.
    source:   who sent it, for limits per source; empty: ourselves.
    """

    samples: Sequence[Sample]
    complete: bool = False
    metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What became of a batch: `stored` are on disk; the others are counted, with a reason each.

    refused: reason (`too_old`, `out_of_order`, `too_far_in_future`, `duplicate`, `limit`,
             `source_limit`) -> count.
    examples: reason -> one sentence about the first sample refused for it.
    stored_at: Unix seconds when the journal had it all on disk.
    fresh: the labels and times of what was stored; feeds the judging of rules on arrival.
    numbers: the store's own number of the series of each `fresh` sample, never given twice; None
             where the store has none.
    """

    stored: int
    stored_at: float
    refused: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    fresh: Sequence[Sample] = ()
    numbers: Ints | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Raw samples of some series over a window, packed to the left.

    labels: one a row.
    times:  (series, samples) Unix seconds, strictly ascending in the first `count[row]` columns;
            what stands right of them is undefined padding.
    values: the same shape; staleness markers are kept (`is_stale`).
    count:  (series,) how many columns of the row are real; never 0.
    """

    labels: tuple[Labels, ...]
    times: Floats
    values: Floats
    count: Ints

    @classmethod
    def empty(cls) -> "Selection":
        """Return a selection of no series."""
        nothing = np.empty((0, 0))
        return cls(labels=(), times=nothing, values=nothing, count=np.empty(0, dtype=np.int64))

    def __eq__(self, other: Any) -> bool:
        """Compare the real part bit by bit (padding is ignored); rows in the same order."""
        if not isinstance(other, Selection) or self.labels != other.labels:
            return False
        return np.array_equal(self.count, other.count) and all(
            self.times[row, :n].tobytes() == other.times[row, :n].tobytes()
            and self.values[row, :n].tobytes() == other.values[row, :n].tobytes()
            for row, n in enumerate(self.count)
        )

    __hash__ = None  # type: ignore[assignment]
