"""A request of Prometheus' remote write 1.0, snappy over protobuf -> samples."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import cramjam
from google.protobuf.message import DecodeError

from bot.ingest.format import BadPayload, TooLarge
from bot.ingest.prometheus.known import (
    KnownSeries,
    Readers,
    Taken,
    bytes_of_labels,
    cut_labels,
    read_known,
)
from bot.ingest.protos.remote_write_pb2 import Label, MetricMetadata, TimeSeries
from bot.ingest.wire import Walk
from storage.model.labels import NAME, Labels
from storage.model.sample import Batch, Sample

MOST_SAMPLES = 100_000
MOST_BYTES_A_SERIES = 1 << 20
TYPES = (
    "unknown",
    "counter",
    "gauge",
    "histogram",
    "gaugehistogram",
    "summary",
    "info",
    "stateset",
)
"""MetricMetadata.MetricType of prompb/types.proto, by number."""

SERIES_FIELD, METADATA_FIELD = 1, 3

SHORT = 256
"""Bytes of a label that is remembered."""

KNOWN = KnownSeries()
"""What the senders of this process wrote before."""


def decode(body: bytes, limit: int) -> Batch:
    """Read a snappy-compressed `WriteRequest`; what the body claims to unpack to is checked first.

    All or nothing: raises BadPayload naming the series that is wrong, TooLarge over `limit`
    unpacked bytes, a series over 1 MiB, or 100,000 samples. Exemplars are passed over; native
    histograms are counted in the batch's `ignored`. A sample's value may be missing on the
    wire: it is 0.0.
    Source: Prometheus Remote-Write 1.0 specification.
    """
    unpacked = _unpack(body, limit)
    quick = read_known(unpacked, KNOWN, READERS, MOST_SAMPLES)
    if quick is None:
        return read(unpacked)
    columns, histograms = quick
    return Batch(columns, ignored={"native_histogram": histograms} if histograms else {})


def read(unpacked: bytes) -> Batch:
    """Read a `WriteRequest` of any form, one series after the other."""
    samples: list[Sample] = []
    metadata: dict[str, Mapping[str, str]] = {}
    histograms = position = 0
    for field, content in Walk().fields(memoryview(unpacked), "the unpacked body"):
        if isinstance(content, int):
            continue
        if field == METADATA_FIELD:
            name, told = _metadata(content)
            metadata[name] = told
        elif field == SERIES_FIELD:
            where = f"series {position}"
            series = _series(content, where)
            labels = _labels_at(tuple(series.labels), where)
            samples += [Sample(labels, s.timestamp / 1000, s.value) for s in series.samples]
            histograms += len(series.histograms)
            position += 1
            if len(samples) > MOST_SAMPLES:
                raise TooLarge(
                    f"{where}: over {MOST_SAMPLES} samples in one request; "
                    "lower max_samples_per_send in the sender's queue_config"
                )
    ignored = {"native_histogram": histograms} if histograms else {}
    return Batch(samples, metadata=metadata, ignored=ignored)


def _unpack(body: bytes, limit: int) -> bytes:
    """Undo snappy's block format, after a look at the length that it claims."""
    try:
        claimed = cramjam.snappy.decompress_raw_len(body)
        if claimed > limit:
            raise TooLarge(f"the body unpacks to {claimed} bytes; at most {limit} are taken")
        return bytes(cramjam.snappy.decompress_raw(body))
    except (cramjam.DecompressionError, ValueError, OverflowError) as error:
        raise BadPayload(f"not snappy's block format: {error}") from error


def _series(content: memoryview, where: str) -> TimeSeries:
    if len(content) > MOST_BYTES_A_SERIES:
        raise TooLarge(f"{where}: {len(content)} bytes; at most {MOST_BYTES_A_SERIES} are taken")
    try:
        return TimeSeries.FromString(bytes(content))
    except DecodeError as error:
        raise BadPayload(f"{where}: not a TimeSeries: {error}") from error


def _take_apart(content: bytes, position: int) -> Taken:
    """Read a series that the quick way does not know yet, or in a form that it does not."""
    where = f"series {position}"
    series = _series(memoryview(content), where)
    named_by, count = bytes_of_labels(content)
    labels = KNOWN.get(named_by) if count == len(series.labels) else None
    if labels is None:
        labels = _labels_at(tuple(series.labels), where)
        if count == len(series.labels):
            KNOWN.learn(named_by, labels)
    samples = tuple((sample.timestamp, sample.value) for sample in series.samples)
    return Taken(labels, samples, len(series.histograms))


def _labels_alone(named_by: bytes, position: int) -> Labels | None:
    """Read the labels of a series that was never seen; None where these bytes are not labels."""
    encoded = cut_labels(named_by)
    if encoded is None:
        return None
    labels = _labels_at(encoded, f"series {position}")
    KNOWN.learn(named_by, labels)
    return labels


READERS = Readers(_labels_alone, _take_apart)


def _labels_at(encoded: Sequence[bytes], where: str) -> Labels:
    try:
        return _labels(encoded)
    except BadPayload as fault:
        raise BadPayload(f"{where}: {fault}") from fault


def _labels(encoded: Sequence[bytes]) -> Labels:
    """Take a series' labels apart: sorted by name, each once, UTF-8, with a metric name."""
    pairs: list[tuple[str, str]] = []
    before = ""
    for position, content in enumerate(encoded):
        try:
            pair = _pair(content) if len(content) <= SHORT else _pair.__wrapped__(content)
        except DecodeError as error:
            raise BadPayload(f"label {position} is not a Label: {error}") from error
        except UnicodeDecodeError as error:
            raise BadPayload(f"label {position} is not UTF-8: {error.reason}") from error
        name, value = pair
        if name <= before:
            fault = "has no name" if not name else f"{name!r} comes twice or out of order"
            raise BadPayload(f"label {position} {fault}; labels are sorted by name, each once")
        before = name
        if value:
            pairs.append(pair)
    labels = Labels(pairs)
    if not labels.name:
        raise BadPayload(f"no label {NAME!r}: the metric has no name")
    return labels


@lru_cache(maxsize=65_536)
def _pair(content: bytes) -> tuple[str, str]:
    """Read a label. The same label is the same pair: most series share most of theirs."""
    label = Label.FromString(content)
    return label.name.decode(), label.value.decode()


def _metadata(content: memoryview) -> tuple[str, Mapping[str, str]]:
    try:
        told = MetricMetadata.FromString(bytes(content))
        name, help_text, unit = (
            text.decode() for text in (told.metric_family_name, told.help, told.unit)
        )
    except (DecodeError, UnicodeDecodeError) as error:
        raise BadPayload(f"metadata: {error}") from error
    kind = TYPES[told.type] if 0 <= told.type < len(TYPES) else TYPES[0]
    return name, {"type": kind, "help": help_text, "unit": unit}
