"""Exports as an OpenTelemetry SDK builds them, for the tests."""

import json
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
AT = 1_700_000_000_123_000_000
SECONDS = 1_700_000_000.123


def pairs(**attributes: Any) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def any_value(value: Any) -> AnyValue:
    match value:
        case AnyValue():
            return value
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            found = AnyValue()
            found.array_value.values.extend(map(any_value, value))
            return found
        case dict():
            found = AnyValue()
            found.kvlist_value.values.extend(pairs(**value))
            return found
        case _:
            return AnyValue(string_value=value)


def number(value: float | None = None, *, gone: bool = False, **attributes: Any) -> NumberDataPoint:
    point = NumberDataPoint(time_unix_nano=AT, attributes=pairs(**attributes), flags=int(gone))
    if isinstance(value, int):
        point.as_int = value
    elif value is not None:
        point.as_double = value
    return point


def gauge(name: str, *points: NumberDataPoint, unit: str = "") -> Metric:
    metric = Metric(name=name, unit=unit, description="What it is.")
    metric.gauge.data_points.extend(points)
    return metric


def total(
    name: str,
    *points: NumberDataPoint,
    unit: str = "",
    temporality: int = CUMULATIVE,
    monotonic: bool = True,
) -> Metric:
    metric = Metric(name=name, unit=unit)
    metric.sum.data_points.extend(points)
    metric.sum.aggregation_temporality = temporality  # type: ignore[assignment]
    metric.sum.is_monotonic = monotonic
    return metric


def histogram(name: str, point: HistogramDataPoint, temporality: int = CUMULATIVE) -> Metric:
    metric = Metric(name=name, unit="s")
    metric.histogram.data_points.append(point)
    metric.histogram.aggregation_temporality = temporality  # type: ignore[assignment]
    return metric


def summary(name: str, point: SummaryDataPoint) -> Metric:
    metric = Metric(name=name)
    metric.summary.data_points.append(point)
    return metric


def export(*metrics: Metric, **resource: Any) -> ExportMetricsServiceRequest:
    """Build an export of one resource; `service_name` and the like mean `service.name`."""
    about = {key.replace("_", ".", 2): value for key, value in resource.items()}
    scope = ScopeMetrics(metrics=metrics)
    told = ResourceMetrics(resource=Resource(attributes=pairs(**about)), scope_metrics=[scope])
    return ExportMetricsServiceRequest(resource_metrics=[told])


def as_json(request: ExportMetricsServiceRequest) -> bytes:
    return json.dumps(MessageToDict(request, use_integers_for_enums=True)).encode()
