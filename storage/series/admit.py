"""Which samples of some batches may enter, and why the others may not.

All batches of one group commit are looked at together, as if their samples came one after the
other: first the clock (`too_old`, `too_far_in_future`), then the series (`limit`), then what the
series already has (`duplicate`, and only then `out_of_order`, so that sending again what was
stored never looks like a fault).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from itertools import chain, compress

import numpy as np

from storage.model.labels import Labels
from storage.model.sample import Appended, Batch, Bools, Columns, Floats, Ints, Sample
from storage.series.head import Head
from storage.series.index import Index
from storage.series.options import SeriesOptions, SourceLimits, milliseconds
from storage.series.owners import Owners
from storage.series.readings import FIRST_MS


class Verdict(IntEnum):
    """What became of one sample."""

    STORED = 0
    TOO_OLD = 1
    TOO_FAR_IN_FUTURE = 2
    LIMIT = 3
    DUPLICATE = 4
    OUT_OF_ORDER = 5
    SOURCE_LIMIT = 6
    TOO_MANY_LABELS = 7
    LABELS_TOO_LONG = 8
    NOT_UNICODE = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What enters of some batches. The three arrays hold the stored samples only.

    verdicts: one a sample, over all batches.  series: those that become known, ascending.
    sources:  number -> the source that sent it, of those that become known.
    """

    batches: Sequence[Batch]
    verdicts: Ints
    numbers: Ints
    times: Ints
    values: Floats
    series: tuple[tuple[int, Labels], ...]
    sources: Mapping[int, str]

    def answers(self, now: datetime, stored_at: datetime, options: SeriesOptions) -> list[Appended]:
        """Return what to tell the sender of each batch. now: what the times were compared with."""
        answers, start, stored = [], 0, 0
        for batch in self.batches:
            verdicts = self.verdicts[start : start + len(batch.samples)]
            answer = _answer(batch, verdicts, now, stored_at, options)
            numbers = self.numbers[stored : stored + answer.stored]
            answers.append(replace(answer, numbers=numbers))
            start, stored = start + len(batch.samples), stored + answer.stored
        return answers


def admit(
    batches: Sequence[Batch],
    index: Index,
    owners: Owners,
    head: Head,
    now: datetime,
    options: SeriesOptions,
) -> Admission:
    """Judge every sample of `batches`; nothing is changed."""
    columns = [Columns.of(batch.samples) for batch in batches]
    seconds = np.concatenate([np.empty(0), *(one.times for one in columns)])
    values = np.concatenate([np.empty(0), *(one.values for one in columns)])
    verdicts, times = _by_clock(seconds, now, options)
    numbers, series, sources = _numbers(batches, columns, verdicts, index, owners, options)
    some = np.flatnonzero(verdicts == Verdict.STORED)
    verdicts[some] = _by_history(
        numbers[some], times[some], head, milliseconds(options.out_of_order)
    )
    stored = verdicts == Verdict.STORED
    return Admission(
        batches=batches,
        verdicts=verdicts,
        numbers=numbers[stored],
        times=times[stored],
        values=values[stored],
        series=series,
        sources=sources,
    )


def _by_clock(seconds: Floats, now: datetime, options: SeriesOptions) -> tuple[Ints, Ints]:
    """Compare with the clock; return verdicts, and times in Unix ms (0 where refused)."""
    with np.errstate(over="ignore", invalid="ignore"):
        stamps = np.rint(seconds * 1000)
    late = stamps > round((now + options.future).timestamp() * 1000)
    early = ~(stamps >= round((now - options.too_old).timestamp() * 1000))  # NaN is no time at all
    verdicts = np.where(late, Verdict.TOO_FAR_IN_FUTURE, np.where(early, Verdict.TOO_OLD, 0))
    return verdicts.astype(np.int64), np.where(verdicts, 0, stamps).astype(np.int64)


def _numbers(
    batches: Sequence[Batch],
    columns: Sequence[Columns],
    verdicts: Ints,
    index: Index,
    owners: Owners,
    options: SeriesOptions,
) -> tuple[Ints, tuple[tuple[int, Labels], ...], Mapping[int, str]]:
    """Find each sample's series, making up numbers for new ones; those over a limit are judged."""
    new, room = _New(index), _Room(owners, options)
    numbers, start = [np.empty(0, dtype=np.int64)], 0
    for batch, one in zip(batches, columns, strict=True):
        known = index.numbers_of(one.labels, recurring=one is batch.samples)
        judged = verdicts[start : start + len(known)]  # a view: what is written is judged
        start += len(known)
        for place in np.flatnonzero((known < 0) & (judged == Verdict.STORED)).tolist():
            labels = one.labels[place]
            number = new.numbers.get(labels)
            if number is None:
                verdict = room.verdict(labels, batch.source, len(index) + len(new.numbers))
                if verdict:
                    judged[place] = verdict
                    continue
                number = new.add(labels, batch.source)
                room.taken[batch.source] += 1
            known[place] = number
        numbers.append(known)
    series = tuple((number, labels) for labels, number in new.numbers.items())
    return np.concatenate(numbers), series, new.sources


class _New:
    """The series that become known by one group commit."""

    def __init__(self, index: Index) -> None:
        self._next = index.next_number
        self.numbers: dict[Labels, int] = {}
        self.sources: dict[int, str] = {}

    def add(self, labels: Labels, source: str) -> int:
        number = self.numbers[labels] = self._next + len(self.numbers)
        if source:
            self.sources[number] = source
        return number


class _Room:
    """How much room is left. taken: series that sources took in this group commit."""

    def __init__(self, owners: Owners, options: SeriesOptions) -> None:
        self._owners, self._options = owners, options
        self._of: dict[str, SourceLimits] = {}
        self.taken: Counter[str] = Counter()

    def verdict(self, labels: Labels, source: str, series: int) -> Verdict:
        """Say whether a new series fits, where there are `series` already."""
        if source not in self._of:
            self._of[source] = self._options.limits_of(source)
        if (unfit := _unfit(labels, self._options, self._of[source])) is not None:
            return unfit
        if series >= self._options.max_series:
            return Verdict.LIMIT
        most = self._of[source].series
        if most is not None and self._owners.count(source) + self.taken[source] >= most:
            return Verdict.SOURCE_LIMIT
        return Verdict.STORED


def _most_labels(options: SeriesOptions, own: SourceLimits) -> int:
    return options.max_labels if own.labels is None else own.labels


def _most_bytes(options: SeriesOptions, own: SourceLimits) -> int:
    return options.max_label_bytes if own.label_bytes is None else own.label_bytes


def _unfit(labels: Labels, options: SeriesOptions, own: SourceLimits) -> Verdict | None:
    """Say why a series with these labels is never taken; None where it may be."""
    if len(labels) > _most_labels(options, own):
        return Verdict.TOO_MANY_LABELS
    if (size := _bytes(labels)) < 0:
        return Verdict.NOT_UNICODE
    return Verdict.LABELS_TOO_LONG if size > _most_bytes(options, own) else None


def _bytes(labels: Labels) -> int:
    """Count the UTF-8 bytes of names and values; -1: not Unicode, no pattern could be tried."""
    try:
        return len("".join(chain.from_iterable(labels)).encode())
    except UnicodeEncodeError:
        return -1


def _by_history(numbers: Ints, times: Ints, head: Head, out_of_order: int) -> Ints:
    """Compare with what the series has, and with what came before in the same group."""
    order = np.argsort(numbers, kind="stable")
    number, time = numbers[order], times[order]
    newest = np.maximum(head.newest(number), _newest_before(number, time))
    verdict = np.where(time < newest - out_of_order, Verdict.OUT_OF_ORDER, Verdict.STORED)
    seen = np.flatnonzero(time <= newest)
    verdict[seen[head.holds(number[seen], time[seen])]] = Verdict.DUPLICATE
    by_time = np.lexsort((time, number))  # stable: of equals the first to come stays first
    again = (np.diff(number[by_time]) == 0) & (np.diff(time[by_time]) == 0)
    first = np.maximum.accumulate(np.where(np.append(True, ~again), np.arange(len(time)), 0)
                                  if len(time) else np.empty(0, np.int64))  # fmt: skip
    told = verdict[by_time]
    repeated = np.append(False, again)[: len(time)]
    kept = told[first] != Verdict.OUT_OF_ORDER
    told[repeated & kept] = Verdict.DUPLICATE
    verdict[by_time] = told
    result = np.empty_like(verdict)
    result[order] = verdict
    return result.astype(np.int64)


def _newest_before(number: Ints, time: Ints) -> Bools | Ints:
    """Return for each sample the newest time before it of its series; FIRST_MS for the first.

    number: ascending. The running maximum restarts at each series because every series gets a
    range of its own: its position times the count of moments, plus the rank of the time.
    """
    if not len(number):
        return np.empty(0, dtype=np.int64)
    lead = np.append(True, number[1:] != number[:-1])
    moments, rank = np.unique(time, return_inverse=True)
    running = np.maximum.accumulate((np.cumsum(lead) - 1) * len(moments) + rank)
    before = np.full(len(time), FIRST_MS)
    before[1:] = moments[running[:-1] % len(moments)]
    before[lead] = FIRST_MS
    return before


def _answer(
    batch: Batch, verdicts: Ints, now: datetime, stored_at: datetime, options: SeriesOptions
) -> Appended:
    stored = verdicts == Verdict.STORED
    fresh, refused, examples = batch.samples, dict[str, int](), dict[str, str]()
    if not stored.all():
        fresh = fresh.where(stored) if isinstance(fresh, Columns) else [*compress(fresh, stored)]
    for position in np.flatnonzero(~stored).tolist():
        verdict = Verdict(verdicts[position])
        reason = verdict.name.lower()
        refused[reason] = refused.get(reason, 0) + 1
        if reason not in examples:
            sample = batch.samples[position]
            examples[reason] = _example(sample, batch.source, verdict, now, options)
    return Appended(
        stored=len(fresh),
        stored_at=stored_at.timestamp(),
        refused=refused,
        examples=examples,
        fresh=fresh,
    )


def _example(
    sample: Sample, source: str, verdict: Verdict, now: datetime, options: SeriesOptions
) -> str:
    name = str(sample.labels)
    where = f"{name if len(name) <= 200 else name[:200] + '…'} at {_written(sample.time)}"
    match verdict:
        case Verdict.TOO_OLD:
            return f"{where} is more than {options.too_old} before now ({_clock(now)})"
        case Verdict.TOO_FAR_IN_FUTURE:
            return f"{where} is more than {options.future} after now ({_clock(now)})"
        case Verdict.LIMIT:
            known = f"there are {options.max_series} already; known series go on"
            return f"{where}: a new series, and {known}"
        case Verdict.TOO_MANY_LABELS:
            allowed = f"at most {_most_labels(options, options.limits_of(source))} are allowed"
            return f"{where}: a new series of {len(sample.labels)} labels; {allowed}"
        case Verdict.LABELS_TOO_LONG:
            most = _most_bytes(options, options.limits_of(source))
            said = f"{_bytes(sample.labels)} bytes of labels; at most {most} are allowed"
            return f"{where}: a new series with {said}"
        case Verdict.NOT_UNICODE:
            return f"{where}: its labels are not valid Unicode (half of a surrogate pair)"
        case Verdict.SOURCE_LIMIT:
            held = options.limits_of(source).series
            return f"{where}: a new series, and {source} has its {held} already; known ones go on"
        case Verdict.DUPLICATE:
            return f"{where} is stored already; the first value stays"
        case _:
            return f"{where} is more than {options.out_of_order} before the series' newest sample"


def _written(seconds: float) -> str:
    try:
        return _clock(datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds))
    except (ValueError, OverflowError):
        return f"time {seconds}"


def _clock(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
