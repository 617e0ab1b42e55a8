"""gzip is undone within a limit, whatever a body claims."""

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ingest.format import BadPayload, TooLarge
from bot.ingest.gzipped import gunzip


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=3))
def test_what_was_packed_comes_back(parts: list[bytes]) -> None:
    assert gunzip(b"".join(map(gzip.compress, parts)), 1_000) == b"".join(parts)


CUT = gzip.compress(b"x" * 99, mtime=0)[:-1]


@pytest.mark.parametrize("body", [b"", b"plain", CUT, b"\x1f\x8b"])
def test_what_is_not_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(BadPayload, match="not gzip"):
        gunzip(body, 1_000)


def test_exactly_the_limit_is_taken_and_one_more_is_not() -> None:
    body = gzip.compress(bytes(1_000))
    assert len(gunzip(body, 1_000)) == 1_000
    with pytest.raises(TooLarge):
        gunzip(body, 999)
    with pytest.raises(TooLarge):
        gunzip(body + body, 1_999)


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    tracemalloc.start()
    with pytest.raises(TooLarge):
        gunzip(bomb, 1 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20
