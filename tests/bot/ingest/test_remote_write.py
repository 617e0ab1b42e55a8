"""Remote write 1.0: what Prometheus sends is read; what is wrong is named, and nothing kept."""

from contextlib import suppress

import cramjam
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ingest.format import BadPayload, TooLarge
from bot.ingest.prometheus.known import KnownSeries
from bot.ingest.prometheus.write import MOST_SAMPLES, decode, read
from bot.ingest.protos.remote_write_pb2 import Label, MetricMetadata, Sample, TimeSeries
from storage.model import sample as model
from storage.model.labels import Labels

LIMIT = 4 << 20
UP = {"__name__": "up", "job": "api"}


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def label(name: bytes, value: bytes) -> bytes:
    return bytes(Label(name=name, value=value).SerializeToString())


def series(pairs: dict[str, str], *readings: tuple[int, float]) -> bytes:
    return raw_series(
        [(k.encode(), v.encode()) for k, v in sorted(pairs.items())],
        *readings,
    )


def raw_series(pairs: list[tuple[bytes, bytes]], *readings: tuple[int, float]) -> bytes:
    content = TimeSeries(
        labels=[label(name, value) for name, value in pairs],
        samples=[Sample(timestamp=at, value=value) for at, value in readings],
    ).SerializeToString()
    return field(1, bytes(content))


def packed(body: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(body))


def test_reads_what_prometheus_sends() -> None:
    metadata = MetricMetadata(type=2, metric_family_name=b"up", help=b"Is it?", unit=b"")
    body = packed(
        series(UP, (1_700_000_000_123, 1.0), (1_700_000_015_123, 0.0))
        + series({"__name__": "load"}, (1_700_000_000_000, 0.5))
        + field(3, bytes(metadata.SerializeToString()))
    )
    batch = decode(body, LIMIT)
    up = Labels.of(UP)
    assert list(batch.samples) == [
        model.Sample(up, 1_700_000_000.123, 1.0),
        model.Sample(up, 1_700_000_015.123, 0.0),
        model.Sample(Labels.of(__name__="load"), 1_700_000_000.0, 0.5),
    ]
    assert batch.metadata == {"up": {"type": "gauge", "help": "Is it?", "unit": ""}}
    assert not batch.complete


def test_staleness_marker_keeps_its_bits() -> None:
    [sample] = decode(packed(series(UP, (1_000, model.STALE))), LIMIT).samples
    assert model.is_stale(np.array([sample.value])).all()


def test_native_histograms_are_counted_and_exemplars_passed_over() -> None:
    content = TimeSeries(
        labels=[label(b"__name__", b"latency")], histograms=[b"one", b"two"]
    ).SerializeToString()
    body = packed(field(1, bytes(content) + field(3, b"exemplar")))
    batch = decode(body, LIMIT)
    assert (list(batch.samples), batch.ignored) == ([], {"native_histogram": 2})


def test_unknown_fields_are_passed_over() -> None:
    extra = varint(9 << 3) + varint(300) + varint(10 << 3 | 5) + bytes(4) + field(12, b"x")
    assert len(decode(packed(extra + series(UP, (1, 1.0))), LIMIT).samples) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "not snappy", id="empty"),
        pytest.param(b"\xff\xff\xff\xff\xff\xff\xff", "not snappy", id="not-snappy"),
        pytest.param(packed(b"hello"), "byte", id="not-protobuf"),
        pytest.param(packed(b"\x0a\x7f"), "byte 1", id="cut-off"),
        pytest.param(
            packed(field(1, b"\x0a\x7f")), "series 0: not a TimeSeries", id="cut-off-inside"
        ),
        pytest.param(
            packed(series(UP, (1, 1.0)) + field(1, b"")),
            "series 1: no label '__name__'",
            id="no-name",
        ),
        pytest.param(
            packed(raw_series([(b"__name__", b"")])),
            "series 0: no label '__name__'",
            id="empty-name",
        ),
        pytest.param(
            packed(raw_series([(b"job", b"a"), (b"__name__", b"up")])),
            "series 0: label 1 '__name__' comes twice or out of order",
            id="unsorted",
        ),
        pytest.param(
            packed(raw_series([(b"__name__", b"up"), (b"a", b"1"), (b"a", b"2")])),
            "series 0: label 2 'a' comes twice or out of order",
            id="duplicate",
        ),
        pytest.param(
            packed(raw_series([(b"", b"x")])), "series 0: label 0 has no name", id="nameless"
        ),
        pytest.param(
            packed(raw_series([(b"__name__", b"\xff")])),
            "series 0: label 0 is not UTF-8",
            id="not-utf8",
        ),
        pytest.param(packed(field(3, field(2, b"\xff"))), "metadata", id="metadata-not-utf8"),
    ],
)
def test_says_what_is_wrong(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        decode(body, LIMIT)


def test_a_bomb_is_refused_by_what_it_claims() -> None:
    four_gib = b"\xff\xff\xff\xff\x0f\x00\x00"
    with pytest.raises(TooLarge, match="unpacks to 4294967295 bytes; at most 4194304"):
        decode(four_gib, LIMIT)


def test_too_many_samples_are_refused() -> None:
    one = TimeSeries(labels=[label(b"__name__", b"up")]).SerializeToString()
    body = packed(field(1, bytes(one) + field(2, b"") * (MOST_SAMPLES + 1)))
    with pytest.raises(TooLarge, match="max_samples_per_send"):
        decode(body, LIMIT)


def test_a_huge_series_is_refused() -> None:
    with pytest.raises(TooLarge, match="series 0"):
        decode(packed(field(1, bytes(2 << 20))), LIMIT)


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
scrapes = st.lists(
    st.tuples(
        st.dictionaries(names, names, max_size=4),
        st.lists(st.tuples(st.integers(0, 2**41), st.floats(allow_nan=False)), max_size=3),
    ),
    max_size=5,
)


@given(scrapes)
def test_whatever_is_well_formed_is_read_whole(
    scrape: list[tuple[dict[str, str], list[tuple[int, float]]]],
) -> None:
    told = [({**pairs, "__name__": "m"}, readings) for pairs, readings in scrape]
    body = packed(b"".join(series(pairs, *readings) for pairs, readings in told))
    assert list(decode(body, LIMIT).samples) == [
        model.Sample(Labels.of(pairs), at / 1000, value)
        for pairs, readings in told
        for at, value in readings
    ]


@given(st.binary(max_size=200))
def test_garbage_inside_snappy_is_refused_or_read(body: bytes) -> None:
    with suppress(BadPayload):
        decode(packed(body), LIMIT)


NOON = 1_772_452_800_000
many_series = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from("abc"), st.text(max_size=200), max_size=3),
        st.lists(
            st.tuples(
                st.one_of(st.integers(NOON, NOON + 60_000), st.integers(-(2**40), 2**50)),
                st.one_of(st.floats(), st.sampled_from([0.0, -0.0, model.STALE])),
            ),
            min_size=0,
            max_size=2,
        ),
    ),
    max_size=6,
)


def outcome(body: bytes, *, quick: bool) -> object:
    """Everything that a body says, values as bits; or the reason why it is refused."""
    try:
        batch = decode(packed(body), LIMIT) if quick else read(body)
    except (BadPayload, TooLarge) as error:
        return str(error)
    values = np.array([sample.value for sample in batch.samples]).tobytes()
    return [(s.labels, s.time) for s in batch.samples], values, batch.ignored, batch.metadata


@given(many=many_series, at=st.integers(0, 2_000), byte=st.integers(0, 255))
def test_the_quick_way_reads_what_the_slow_one_reads(
    many: list[tuple[dict[str, str], list[tuple[int, float]]]], at: int, byte: int
) -> None:
    body = b"".join(series({"__name__": "up", **pairs}, *told) for pairs, told in many)
    expected = outcome(body, quick=False)
    assert [outcome(body, quick=True) for _ in range(2)] == [expected] * 2  # unknown, then known
    if body:
        at %= len(body)
        broken = body[:at] + bytes([byte]) + body[at + 1 :]
        assert outcome(broken, quick=True) == outcome(broken, quick=False)


def test_what_was_not_seen_for_long_is_forgotten() -> None:
    known, first = KnownSeries(most=10), Labels.of(__name__="up")
    known.learn(b"first", first)
    for number in range(9):
        known.learn(b"%d" % number, Labels.of(__name__="up", n=str(number)))
    known.learn(b"ninth", first)
    assert known.get(b"first") is first, "old, and young again"
    for number in range(20):
        known.learn(b"new %d" % number, first)
    assert known.get(b"first") is None
