"""What may go: segments that are too old, or too much together; and series that left with them."""

from collections.abc import Sequence

from storage.series.catalogue import Segment


def expired(segments: Sequence[Segment], oldest: int, most_bytes: int | None) -> list[Segment]:
    """Return the segments to delete.

    oldest: Unix milliseconds; a segment goes when its last sample is older.
    most_bytes: then the oldest go until no more than this is left; None: no limit.
    """
    gone = [segment for segment in segments if segment.last < oldest]
    if most_bytes is None:
        return gone
    left = sorted(
        (segment for segment in segments if segment.last >= oldest),
        key=lambda segment: (segment.last, segment.upto),
    )
    excess = sum(segment.bytes for segment in left) - most_bytes
    for segment in left:
        if excess <= 0:
            break
        gone.append(segment)
        excess -= segment.bytes
    return gone


def forgotten_before(segments: Sequence[Segment], head: int | None, otherwise: int) -> int:
    """Return the time (Unix ms) before which no sample is left, given what is left.

    A series whose newest sample is older has no samples any more. head: the start of the oldest
    window in memory; otherwise: the answer where nothing at all is left.
    """
    times = [segment.first for segment in segments]
    return min(times if head is None else [*times, head], default=otherwise)
