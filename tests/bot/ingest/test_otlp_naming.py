"""OpenTelemetry's names become the names that Prometheus' own receiver gives."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ingest.opentelemetry.naming import label_name, metric_name


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("http.server.request.duration", "s", "", "http_server_request_duration_seconds"),
        ("system.io", "By", "counter", "system_io_bytes_total"),
        ("system.network.io", "By/s", "gauge", "system_network_io_bytes_per_second"),
        ("requests", "1/s", "counter", "requests_per_second_total"),
        ("requests", "{request}", "counter", "requests_total"),
        ("requests", "{request}/s", "gauge", "requests_per_second"),
        ("requests", "By/{packet}", "gauge", "requests_bytes"),
        ("requests_total", "", "counter", "requests_total"),
        ("total.requests", "", "counter", "requests_total"),
        ("cpu.utilization", "1", "gauge", "cpu_utilization_ratio"),
        ("cpu_ratio", "1", "gauge", "cpu_ratio"),
        ("items", "1", "counter", "items_total"),
        ("items", "1", "", "items"),
        ("response_time_seconds", "s", "", "response_time_seconds"),
        ("disk.free", "%", "gauge", "disk_free_percent"),
        ("disk", "TiBy", "gauge", "disk_tibibytes"),
        ("speed", "km/h", "gauge", "speed_km_per_hour"),
        ("custom", "unit@with#special/chars", "gauge", "custom_unit_with_special_per_chars"),
        ("a__b", "u__v", "gauge", "a_b_u_v"),
        ("2xx.responses", "", "counter", "_2xx_responses_total"),
        ("job:rate5m", "", "gauge", "job:rate5m"),
        ("größe", "", "gauge", "gr_e"),
        ("@#$%", "s", "counter", ""),
        ("", "s", "gauge", ""),
    ],
)
def test_metric_names(name: str, unit: str, kind: str, expected: str) -> None:
    got = metric_name(name, unit, is_counter=kind == "counter", is_gauge=kind == "gauge")
    assert got == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("http.method", "http_method"),
        ("http-method", "http_method"),
        ("a..b", "a__b"),
        ("2nd", "key_2nd"),
        ("_private", "key_private"),
        ("__reserved__", "__reserved__"),
        ("straße", "stra_e"),
    ],
)
def test_label_names(key: str, expected: str) -> None:
    assert label_name(key) == expected


@given(name=st.text(max_size=20), unit=st.text(max_size=12), is_counter=st.booleans())
def test_every_name_can_be_written_in_promql(name: str, unit: str, is_counter: bool) -> None:
    got = metric_name(name, unit, is_counter=is_counter, is_gauge=not is_counter)
    assert re.fullmatch(r"([a-zA-Z_:][a-zA-Z0-9_:]*)?", got)


@given(key=st.text(min_size=1, max_size=20))
def test_every_label_can_be_written_in_promql(key: str) -> None:
    assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", label_name(key))
