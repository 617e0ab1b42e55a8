"""OTLP: what SDKs and collectors export is stored as Prometheus would; the rest is counted."""

import json
import math
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    HistogramDataPoint,
    Metric,
    SummaryDataPoint,
)

from bot.ingest.format import BadPayload, TooLarge
from bot.ingest.opentelemetry.samples import MOST_SAMPLES
from bot.ingest.otlp import FORMAT, JSON, PROTOBUF
from storage.model.sample import STALE, Batch, is_stale
from tests.bot.ingest.otlp_export import (
    AT,
    DELTA,
    SECONDS,
    as_json,
    export,
    gauge,
    histogram,
    number,
    pairs,
    summary,
    total,
)

LIMIT = 16 << 20


def read(request: ExportMetricsServiceRequest) -> Batch:
    """Read an export in both encodings; they say the same."""
    batch = FORMAT.readers[PROTOBUF](request.SerializeToString(), LIMIT)
    assert shown(FORMAT.readers[JSON](as_json(request), LIMIT)) == shown(batch)
    return batch


def shown(batch: Batch) -> dict[str, Any]:
    values = {f"{it.labels} at {it.time}": repr(it.value) for it in batch.samples}
    assert len(values) == len(batch.samples)
    return {**values, "ignored": batch.ignored, "metadata": batch.metadata}


def lines(batch: Batch) -> dict[str, float]:
    assert {it.time for it in batch.samples} <= {SECONDS}
    return {str(it.labels): it.value for it in batch.samples}


def test_the_kinds_of_numbers() -> None:
    batch = read(
        export(
            gauge("cpu.load", number(0.5, cpu=0), number(7, cpu=1), unit="1"),
            total("http.requests", number(12, code=200)),
            total("queue.size", number(-3), monotonic=False),
        )
    )
    assert lines(batch) == {
        'cpu_load_ratio{cpu="0"}': 0.5,
        'cpu_load_ratio{cpu="1"}': 7.0,
        'http_requests_total{code="200"}': 12.0,
        "queue_size": -3.0,
    }
    assert {name: told["type"] for name, told in batch.metadata.items()} == {
        "cpu_load_ratio": "gauge",
        "http_requests_total": "counter",
        "queue_size": "gauge",
    }
    assert batch.metadata["cpu_load_ratio"]["help"] == "What it is."
    assert not batch.complete


def test_a_histogram_becomes_a_classic_one() -> None:
    point = HistogramDataPoint(
        time_unix_nano=AT,
        count=6,
        sum=7.5,
        bucket_counts=[1, 2, 3],
        explicit_bounds=[0.005, 1.0],
        attributes=pairs(route="/"),
    )
    assert lines(read(export(histogram("duration", point)))) == {
        'duration_seconds_sum{route="/"}': 7.5,
        'duration_seconds_count{route="/"}': 6.0,
        'duration_seconds_bucket{le="0.005", route="/"}': 1.0,
        'duration_seconds_bucket{le="1", route="/"}': 3.0,
        'duration_seconds_bucket{le="+Inf", route="/"}': 6.0,
    }


def test_a_histogram_without_sum_or_buckets() -> None:
    point = HistogramDataPoint(time_unix_nano=AT, count=6)
    assert set(lines(read(export(histogram("duration", point))))) == {
        "duration_seconds_count",
        'duration_seconds_bucket{le="+Inf"}',
    }


def test_a_summary() -> None:
    half = SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=2.0)
    point = SummaryDataPoint(time_unix_nano=AT, count=3, sum=6.0, quantile_values=[half])
    assert lines(read(export(summary("rpc", point)))) == {
        "rpc_sum": 6.0,
        "rpc_count": 3.0,
        'rpc{quantile="0.5"}': 2.0,
    }


def test_who_it_is_about() -> None:
    metric = gauge("up", number(1))
    batch = read(
        export(
            metric,
            service_name="api",
            service_namespace="shop",
            service_instance_id="a-1",
            host_name="web1",
        )
    )
    assert lines(batch) == {
        'up{instance="a-1", job="shop/api"}': 1.0,
        'target_info{host_name="web1", instance="a-1", job="shop/api"}': 1.0,
    }


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"service_name": "api"}, {'up{job="api"}'}),
        ({"host_name": "web1"}, {"up"}),
        ({"service_namespace": "shop", "host_name": "web1"}, {"up"}),
        ({}, {"up"}),
    ],
)
def test_no_target_info_about_nothing_or_nobody(
    resource: dict[str, str], expected: set[str]
) -> None:
    assert set(lines(read(export(gauge("up", number(1)), **resource)))) == expected


def test_attributes_that_meet_in_one_name_are_joined() -> None:
    point = number(1, **{"a.b": "dot", "a-b": "dash", "__name__": "no", "empty": ""})
    assert set(lines(read(export(gauge("up", point))))) == {'up{a_b="dash;dot"}'}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        (True, "true"),
        (-5, "-5"),
        (2.0, "2"),
        (0.25, "0.25"),
        (1e-7, "1e-7"),
        (1e21, "1e+21"),
        (b"\x00\xff", "AP8="),
        ([1, "a", [True]], '[1,"a",[true]]'),
        ({"b": 1, "a": "x"}, '{"a":"x","b":1}'),
    ],
)
def test_attributes_as_text(value: Any, text: str) -> None:
    [sample] = read(export(gauge("up", number(1, it=value)))).samples
    assert sample.labels.get("it") == text


def test_what_ended_is_marked_stale() -> None:
    gone = HistogramDataPoint(time_unix_nano=AT, flags=1, bucket_counts=[0, 0], explicit_bounds=[1])
    batch = read(export(gauge("load", number(gone=True)), histogram("duration", gone)))
    assert len(batch.samples) == 4
    assert is_stale(np.array([it.value for it in batch.samples])).all()
    assert math.isnan(STALE)


def test_what_cannot_be_stored_is_counted_with_an_example() -> None:
    exponential = Metric(name="latency")
    exponential.exponential_histogram.data_points.add(time_unix_nano=AT, count=1)
    batch = read(
        export(
            total("hits", number(1), number(2, code=1), temporality=DELTA),
            histogram("sizes", HistogramDataPoint(time_unix_nano=AT, count=1), temporality=DELTA),
            total("odd", number(1), temporality=0),
            exponential,
            gauge("hollow", number()),
            gauge("?!", number(1)),
            gauge("good", number(1)),
            Metric(name="nothing"),
        )
    )
    assert set(lines(batch)) == {"good"}
    assert batch.ignored == {
        "delta_temporality": 3,
        "no_temporality": 1,
        "exponential_histogram": 1,
        "no_value": 1,
        "no_name": 1,
    }
    assert "'hits'" in batch.examples["delta_temporality"]
    assert "cumulative" in batch.examples["delta_temporality"]


def test_json_as_the_specification_shows_it() -> None:
    told = {
        "resourceMetrics": [
            {
                "resource": {
                    "attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]
                },
                "scopeMetrics": [
                    {
                        "scope": {"name": "my.library", "version": "1.0.0"},
                        "metrics": [
                            {
                                "name": "my.counter",
                                "unit": "1",
                                "sum": {
                                    "aggregationTemporality": 2,
                                    "isMonotonic": True,
                                    "dataPoints": [
                                        {
                                            "asInt": "5",
                                            "startTimeUnixNano": "1544712660300000000",
                                            "timeUnixNano": str(AT),
                                            "unheardOf": [1],
                                            "attributes": [],
                                        }
                                    ],
                                },
                            }
                        ],
                    }
                ],
            }
        ]
    }
    batch = FORMAT.readers[JSON](json.dumps(told).encode(), LIMIT)
    assert lines(batch) == {'my_counter_total{job="my.service"}': 5.0}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "the export: expected an object, got list"),
        (b'{"resourceMetrics": 1}', "resourceMetrics: expected a list"),
        (b'{"resourceMetrics": [{"scopeMetrics": [1]}]}', "expected an object, got int"),
        (b"[" * 100_000, "not JSON|recursion"),
    ],
)
def test_says_what_is_wrong_with_json(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        FORMAT.readers[JSON](body, LIMIT)


def test_a_broken_data_point_is_named_and_nothing_kept() -> None:
    body = export(gauge("good", number(1)), gauge("bad", number(2))).SerializeToString()
    with pytest.raises(BadPayload, match="cut off, or not protobuf"):
        FORMAT.readers[PROTOBUF](body[:-3], LIMIT)
    broken = export(gauge("bad", number(1, a="x"))).SerializeToString().replace(b"x", b"\xff")
    with pytest.raises(BadPayload, match="metric 'bad'"):
        FORMAT.readers[PROTOBUF](broken, LIMIT)


def test_too_much_is_refused() -> None:
    bounds = list(map(float, range(10_000)))
    point = HistogramDataPoint(explicit_bounds=bounds, bucket_counts=[0] * 10_001)
    wide = [histogram(f"wide{n}", point) for n in range(MOST_SAMPLES // 10_000)]
    with pytest.raises(TooLarge, match="over 100000 samples"):
        FORMAT.readers[PROTOBUF](export(*wide).SerializeToString(), LIMIT)
    with pytest.raises(TooLarge, match="at most 262144"):
        FORMAT.readers[PROTOBUF](
            export(gauge("g", number(1, a="x" * 300_000))).SerializeToString(), LIMIT
        )
    with pytest.raises(TooLarge, match="parts"):
        FORMAT.readers[PROTOBUF](b"\x0a\x00" * 400_001, LIMIT)
    with pytest.raises(TooLarge, match="values"):
        FORMAT.readers[JSON](b'{"resourceMetrics": [' + b"{}," * 300_000 + b"{}]}", LIMIT)


@settings(max_examples=50)
@given(st.binary(max_size=60), st.integers(0, 100))
def test_damage_is_refused_in_words(noise: bytes, place: int) -> None:
    request = export(total("hits", number(1, code=200)), service_name="a")
    body = bytearray(request.SerializeToString())
    body[place % len(body) : place % len(body)] = noise
    with suppress(BadPayload):
        FORMAT.readers[PROTOBUF](bytes(body), LIMIT)


def test_answers_say_what_was_not_stored() -> None:
    assert FORMAT.answers is not None
    assert FORMAT.answers.taken(PROTOBUF, 0, "") == b""
    assert FORMAT.answers.taken(JSON, 0, "") == b"{}"
    told = ExportMetricsServiceResponse.FromString(FORMAT.answers.taken(PROTOBUF, 2, "too old"))
    assert told.partial_success.rejected_data_points == 2
    assert told.partial_success.error_message == "too old"
    assert json.loads(FORMAT.answers.taken(JSON, 2, "too old")) == {
        "partialSuccess": {"rejectedDataPoints": "2", "errorMessage": "too old"}
    }
    assert json.loads(FORMAT.answers.fault(JSON, 429, "slower")) == {"code": 8, "message": "slower"}
