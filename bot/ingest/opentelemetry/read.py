"""An OTLP export, in protobuf or JSON -> its resources, metrics and data points, one at a time.

Both encodings are taken apart by hand down to the data point, which alone is parsed as a message:
memory stays flat whatever comes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError, Message

from bot.ingest import json_body
from bot.ingest.format import BadPayload, TooLarge
from bot.ingest.protos.otlp_pb2 import (
    HistogramDataPoint,
    NumberDataPoint,
    Resource,
    SummaryDataPoint,
)
from bot.ingest.wire import Walk

M = TypeVar("M", bound=Message)
Point = NumberDataPoint | HistogramDataPoint | SummaryDataPoint

NOTHING = memoryview(b"")
LARGEST_POINT = 256 << 10  # bytes, also of a resource


class Kind(IntEnum):
    """What a metric is, by its field number in `Metric`."""

    GAUGE = 5
    SUM = 7
    HISTOGRAM = 9
    EXPONENTIAL_HISTOGRAM = 10
    SUMMARY = 11


class Temporality(IntEnum):
    """Since when a sum counts."""

    UNSPECIFIED = 0
    DELTA = 1
    CUMULATIVE = 2


KEYS = {
    "gauge": Kind.GAUGE,
    "sum": Kind.SUM,
    "histogram": Kind.HISTOGRAM,
    "exponentialHistogram": Kind.EXPONENTIAL_HISTOGRAM,
    "summary": Kind.SUMMARY,
}
POINTS: dict[Kind, type[Point]] = {
    Kind.GAUGE: NumberDataPoint,
    Kind.SUM: NumberDataPoint,
    Kind.HISTOGRAM: HistogramDataPoint,
    Kind.EXPONENTIAL_HISTOGRAM: HistogramDataPoint,  # only counted, and never parsed
    Kind.SUMMARY: SummaryDataPoint,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One metric of an export. points: each parses one data point when it is called."""

    name: str
    description: str
    unit: str
    kind: Kind
    temporality: Temporality
    is_monotonic: bool
    points: Iterator[Callable[[], Point]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One resource of an export, and its metrics."""

    resource: Resource
    metrics: Iterator[Told]


def read_protobuf(body: bytes) -> Iterator[Origin]:
    """Walk an ExportMetricsServiceRequest; raises BadPayload."""
    walk = Walk()
    for at, (number, content) in enumerate(walk.fields(memoryview(body), "the export")):
        if number == 1:
            where = f"resource {at}"
            content = _view(content, where)
            parts = (part for field, part in walk.fields(content, where) if field == 1)
            told = b"".join(_view(part, where) for part in parts)
            resource = _parsed(Resource, told, f"{where}: attributes")
            yield Origin(resource=resource, metrics=_metrics(walk, content, where))


def _metrics(walk: Walk, content: memoryview, where: str) -> Iterator[Told]:
    position = 0
    for field, scope in walk.fields(content, where):
        if field != 2:
            continue
        for number, metric in walk.fields(_view(scope, where), where):
            if number == 2:
                told = _metric(walk, _view(metric, where), f"{where} metric {position}")
                position += 1
                if told:
                    yield told


def _metric(walk: Walk, content: memoryview, where: str) -> Told | None:
    head = _known(walk, content, where)
    kind = next((kind for kind in Kind if kind in head), None)
    if kind is None:
        return None
    name, description, unit = (_text(head.get(number, NOTHING), where) for number in (1, 2, 3))
    where = f"metric {name[:100]!r}"
    data = _view(head[kind], where)
    marks = _known(walk, data, where)
    return Told(
        name=name,
        description=description,
        unit=unit,
        kind=kind,
        temporality=_temporality(marks.get(2, 0)),
        is_monotonic=bool(marks.get(3, 0)),
        points=_points(walk, data, POINTS[kind], where),
    )


def _points(
    walk: Walk, data: memoryview, kind: type[Point], where: str
) -> Iterator[Callable[[], Point]]:
    for field, content in walk.fields(data, where):
        if field == 1:
            told = _view(content, where)
            yield lambda told=told: _parsed(kind, told, f"{where}: data point")  # type: ignore[misc]


def _known(walk: Walk, content: memoryview, where: str) -> dict[int, int | memoryview]:
    """Return the last value of each field that a metric may have."""
    return {field: value for field, value in walk.fields(content, where) if field <= Kind.SUMMARY}


def _parsed(kind: type[M], content: bytes | memoryview, where: str) -> M:
    if len(content) > LARGEST_POINT:
        raise TooLarge(f"{where}: {len(content)} bytes; at most {LARGEST_POINT} are taken")
    try:
        return kind.FromString(bytes(content))
    except DecodeError as error:
        raise BadPayload(f"{where}: {error}") from error


def _view(content: int | memoryview, where: str) -> memoryview:
    if isinstance(content, memoryview):
        return content
    raise BadPayload(f"{where}: found a number where a message belongs")


def _text(content: int | memoryview, where: str) -> str:
    try:
        return bytes(_view(content, where)).decode()
    except UnicodeDecodeError as error:
        raise BadPayload(f"{where}: not UTF-8: {error.reason}") from error


def _temporality(number: object) -> Temporality:
    return Temporality(number) if number in (1, 2) else Temporality.UNSPECIFIED


def read_json(body: bytes) -> Iterator[Origin]:
    """Walk the same in JSON, as OTLP maps it (numbers of enums, lowerCamelCase); BadPayload."""
    export = json_body.read_json(body, json_body.MOST_OF_SAMPLES)
    for at, told in enumerate(_list(export, "resourceMetrics", "the export")):
        where = f"resourceMetrics[{at}]"
        resource = _from_dict(Resource, _dict(told, where).get("resource") or {}, where)
        yield Origin(resource=resource, metrics=_metrics_json(told, where))


def _metrics_json(told: Any, where: str) -> Iterator[Told]:
    for scope in _list(told, "scopeMetrics", where):
        for at, metric in enumerate(_list(scope, "metrics", where)):
            here = f"{where} metrics[{at}]"
            found = [key for key in KEYS if key in _dict(metric, here)]
            if found:
                yield _metric_json(metric, found[0], here)


def _metric_json(metric: dict[str, Any], key: str, where: str) -> Told:
    texts = [metric.get(name, "") for name in ("name", "description", "unit")]
    if not all(isinstance(text, str) for text in texts):
        raise BadPayload(f"{where}: name, description and unit are texts")
    name, description, unit = texts
    data, kind = _dict(metric[key], where), KEYS[key]
    temporality = data.get("aggregationTemporality", 0)
    points = _list(data, "dataPoints", where)
    return Told(
        name=name,
        description=description,
        unit=unit,
        kind=kind,
        temporality=_temporality(temporality if isinstance(temporality, int) else 0),
        is_monotonic=data.get("isMonotonic") is True,
        points=(
            lambda point=point: _from_dict(POINTS[kind], point, f"{where}: data point")  # type: ignore[misc]
            for point in points
        ),
    )


def _from_dict(kind: type[M], told: Any, where: str) -> M:
    try:
        return ParseDict(_dict(told, where), kind(), ignore_unknown_fields=True)
    except (ParseError, RecursionError) as error:
        raise BadPayload(f"{where}: {error}") from error


def _dict(node: Any, where: str) -> dict[str, Any]:
    if isinstance(node, dict):
        return node
    raise BadPayload(f"{where}: expected an object, got {type(node).__name__}")


def _list(node: Any, key: str, where: str) -> list[Any]:
    found = _dict(node, where).get(key, [])
    if isinstance(found, list):
        return found
    raise BadPayload(f"{where}: {key}: expected a list, got {type(found).__name__}")
