"""OpenTelemetry's metrics -> samples, as Prometheus' own OTLP receiver stores them."""

import base64
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from bot.ingest.format import TooLarge
from bot.ingest.go_numbers import written_out
from bot.ingest.opentelemetry.naming import label_name, metric_name
from bot.ingest.opentelemetry.read import Kind, Origin, Point, Temporality, Told
from bot.ingest.protos.otlp_pb2 import (
    AnyValue,
    HistogramDataPoint,
    KeyValue,
    NumberDataPoint,
    SummaryDataPoint,
)
from storage.model.labels import NAME, Labels
from storage.model.sample import STALE, Batch, Sample

MOST_SAMPLES = 100_000
NO_RECORDED_VALUE = 1
IDENTIFYING = ("service.namespace", "service.name", "service.instance.id")
TYPES = {
    Kind.GAUGE: "gauge",
    Kind.HISTOGRAM: "histogram",
    Kind.SUMMARY: "summary",
}

Pairs = dict[str, str]
Reading = tuple[str, str, str, float]
"""Suffix of the name, a label besides the point's and its value (or empty), value."""


def batch_of(origins: Iterable[Origin]) -> Batch:
    """Turn an export into samples; raises TooLarge over 100,000, BadPayload.

    What has no place in the store is counted in `ignored`, with an example: delta temporality,
    exponential histograms, points without a value, metrics without a name.
    """
    export = _Export()
    for origin in origins:
        export.take(origin)
    return Batch(
        export.samples,
        metadata=export.metadata,
        ignored=dict(export.ignored),
        examples=export.examples,
    )


class _Export:
    """The samples of one export, while it is read."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.metadata: dict[str, Pairs] = {}
        self.ignored: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def take(self, origin: Origin) -> None:
        """Add all samples of one resource."""
        about = {it.key: as_text(it.value) for it in origin.resource.attributes}
        target = _target(about)
        newest = 0.0
        for told in origin.metrics:
            newest = max(newest, self._metric(told, target))
        info = _info(about, target)
        if info and newest:
            self._add(Sample(Labels.of(info), newest, 1.0))

    def _metric(self, told: Told, target: Pairs) -> float:
        """Add one metric; return its newest time, 0 where nothing of it was taken."""
        is_counter = told.kind is Kind.SUM and told.is_monotonic
        # Prometheus takes a sum that may fall for a gauge only in its type, not in its name.
        name = metric_name(
            told.name, told.unit, is_counter=is_counter, is_gauge=told.kind is Kind.GAUGE
        )
        refusal = _refusal(told, name)
        if refusal:
            self._ignore(*refusal, count=sum(1 for _ in told.points))
            return 0.0
        kind = "counter" if is_counter else TYPES.get(told.kind, "gauge")
        self.metadata[name] = {"type": kind, "help": told.description, "unit": told.unit}
        newest = 0.0
        for parse in told.points:
            point = parse()
            at = point.time_unix_nano // 1_000_000 / 1000
            newest = max(newest, at)
            self._point(name, point, at, {**_labels(point.attributes), **target})
        return newest

    def _point(self, name: str, point: Point, at: float, pairs: Pairs) -> None:
        is_gone = bool(point.flags & NO_RECORDED_VALUE)
        readings = list(_readings(point))
        if not readings:
            self._ignore("no_value", f"{name}: a data point without a value")
        for suffix, key, value, reading in readings:
            labels = Labels.of({**pairs, key: value} if key else pairs, __name__=name + suffix)
            self._add(Sample(labels, at, STALE if is_gone else reading))

    def _add(self, sample: Sample) -> None:
        if len(self.samples) >= MOST_SAMPLES:
            raise TooLarge(
                f"over {MOST_SAMPLES} samples in one export; send smaller ones "
                "(send_batch_max_size of the collector's batch processor)"
            )
        self.samples.append(sample)

    def _ignore(self, reason: str, example: str, count: int = 1) -> None:
        if count:
            self.ignored[reason] += count
            self.examples.setdefault(reason, example)


def _refusal(told: Told, name: str) -> tuple[str, str] | None:
    """Say for which reason, and in which words, a metric cannot be stored."""
    called = f"metric {told.name[:200]!r}"
    if not name:
        return "no_name", f"{called}: no letter or digit is in its name"
    if told.kind is Kind.EXPONENTIAL_HISTOGRAM:
        return "exponential_histogram", f"{called}: use explicit buckets in the SDK's view"
    if told.kind in (Kind.GAUGE, Kind.SUMMARY) or told.temporality is Temporality.CUMULATIVE:
        return None
    if told.temporality is Temporality.DELTA:
        wish = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative"
        return "delta_temporality", f"{called}: expected cumulative temporality, as with {wish}"
    return "no_temporality", f"{called}: does not say whether it is cumulative"


def _readings(point: Point) -> Iterator[Reading]:
    """Yield what one data point says, a series each."""
    match point:
        case NumberDataPoint():
            kind = point.WhichOneof("value")
            if kind or point.flags & NO_RECORDED_VALUE:
                yield "", "", "", float(getattr(point, kind)) if kind else 0.0
        case HistogramDataPoint():
            if point.HasField("sum"):
                yield "_sum", "", "", point.sum
            yield "_count", "", "", float(point.count)
            so_far = 0
            for bound, count in zip(point.explicit_bounds, point.bucket_counts, strict=False):
                so_far += count
                yield "_bucket", "le", written_out(bound), float(so_far)
            yield "_bucket", "le", "+Inf", float(point.count)
        case SummaryDataPoint():
            yield "_sum", "", "", point.sum
            yield "_count", "", "", float(point.count)
            for at in point.quantile_values:
                yield "", "quantile", written_out(at.quantile), at.value


def _labels(attributes: Iterable[KeyValue], without: tuple[str, ...] = ()) -> Pairs:
    """Return labels; attributes that meet in one name are joined by `;`, in the keys' order."""
    pairs: Pairs = {}
    for it in sorted(attributes, key=lambda it: it.key):
        if it.key and it.key not in without:
            name, value = label_name(it.key), as_text(it.value)
            pairs[name] = f"{pairs[name]};{value}" if name in pairs else value
    return pairs


def _target(about: Pairs) -> Pairs:
    """Return `job` and `instance`, as far as the resource says who it is."""
    target: Pairs = {}
    if "service.name" in about:
        space = about.get("service.namespace")
        name = about["service.name"]
        target["job"] = name if space is None else f"{space}/{name}"
    if "service.instance.id" in about:
        target["instance"] = about["service.instance.id"]
    return target


def _info(about: Pairs, target: Pairs) -> Pairs:
    """Return the labels of `target_info`; empty where there is nothing to tell, or about nobody."""
    more = [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in about.items()]
    labels = _labels(more, without=IDENTIFYING)
    return {**labels, **target, NAME: "target_info"} if labels and target else {}


def as_text(value: AnyValue) -> str:
    """Write an attribute's value as OpenTelemetry does where a text is wanted."""
    match value.WhichOneof("value"):
        case "array_value" | "kvlist_value":
            return json.dumps(
                _plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":")
            )
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "double_value":
            return _number(value.double_value)
        case None:
            return ""
        case _:
            return str(_plain(value))


def _plain(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_plain(inner) for inner in value.array_value.values]
        case "kvlist_value":
            return {it.key: _plain(it.value) for it in value.kvlist_value.values}
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "double_value" if not math.isfinite(value.double_value):
            return _number(value.double_value)
        case kind:
            return getattr(value, kind)


def _number(value: float) -> str:
    """Write as JavaScript would: `2` for 2.0, `1e-7` for what is tiny."""
    if math.isfinite(value) and value and not 1e-6 <= abs(value) < 1e21:
        mantissa, _, exponent = f"{value!r}".partition("e")
        return f"{mantissa}e{int(exponent):+d}" if exponent else mantissa
    return written_out(value)
