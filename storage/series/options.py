"""What the series store may keep and for how long, and what it tells about itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLimits:
    """What one source may have, in place of what holds for all; None: that.

    series:      in all; a new one beyond is refused (`source_limit`), its known ones go on.
    labels, label_bytes: of one new series (`too_many_labels`, `labels_too_long`).
    """

    series: int | None = None
    labels: int | None = None
    label_bytes: int | None = None


def _no_limit(_source: str) -> SourceLimits:
    """Let every source have as much as there may be."""
    return SourceLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesOptions:
    """Limits of the embedded store; the defaults suit one machine and some 100,000 series.

    retention:       sealed samples older than this are deleted.
    retention_bytes: the oldest segments go as long as all together are larger; None: no limit.
    out_of_order:    a sample older than its series' newest by more is refused (`out_of_order`).
    too_old, future: a sample further from now than this is refused (`too_old`,
                     `too_far_in_future`).
    max_series, max_labels, max_label_bytes: a new series beyond one of them is refused
                     (`limit`, `too_many_labels`, `labels_too_long`); known series go on. Bytes are
                     those of all names and values.
    limits_of:       what a source may have, asked at every append.
    segment:         how much time one sealed segment covers.
    """

    retention: timedelta = 15 * DAY
    retention_bytes: int | None = None
    out_of_order: timedelta = 5 * MINUTE
    too_old: timedelta = HOUR
    future: timedelta = 5 * MINUTE
    max_series: int = 1_000_000
    max_labels: int = 64
    max_label_bytes: int = 4096
    limits_of: Callable[[str], SourceLimits] = _no_limit
    segment: timedelta = 2 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesStats:
    """How the store is doing, counted since it was opened unless said otherwise.

    series, head_samples, segments: what is there now (head: samples not sealed yet).
    journal_bytes, segment_bytes:   on disk now.
    by_source:   source -> series that it was the first to send.
    stored:      samples taken in.       refused: reason -> samples refused.
    fsyncs:      of the journal; many appends share one.
    torn:        damaged ends of journal files that were cut off (and put aside) at opening.
    orphaned:    replayed samples dropped because their series' record was in a damaged part.
    quarantined: damaged segments set aside, not answered from (also before this opening).
    """

    series: int
    head_samples: int
    segments: int
    journal_bytes: int
    segment_bytes: int
    stored: int
    fsyncs: int
    torn: int
    orphaned: int
    quarantined: int
    refused: Mapping[str, int] = field(default_factory=dict)
    by_source: Mapping[str, int] = field(default_factory=dict)


def milliseconds(span: timedelta) -> int:
    """Return a duration in whole milliseconds."""
    return span // timedelta(milliseconds=1)
