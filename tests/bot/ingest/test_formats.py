"""What every ingest format promises, also one that is written tomorrow."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bot.ingest
from bot.ingest.format import BadPayload, Decode, IngestFormat
from routing.plugins import collect
from storage.model.sample import Batch

FORMATS = sorted(collect(bot.ingest, IngestFormat).values(), key=lambda known: known.name)
READERS = {
    f"{known.name} {kind}": read for known in FORMATS for kind, read in known.readers.items()
}
every_reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS)


@every_reader
@given(body=st.binary(max_size=400))
def test_garbage_is_refused_in_words(read: Decode, body: bytes) -> None:
    with suppress(BadPayload):
        assert isinstance(read(body, 1 << 20), Batch)


@every_reader
def test_the_empty_body_is_refused(read: Decode) -> None:
    with pytest.raises(BadPayload):
        read(b"", 1 << 20)


@every_reader
@given(body=st.binary(min_size=101, max_size=400))
def test_more_than_the_limit_is_refused(read: Decode, body: bytes) -> None:
    with pytest.raises(BadPayload):
        read(body, 100)


def test_no_two_formats_share_a_path() -> None:
    assert len({known.path for known in FORMATS}) == len(FORMATS) >= 2
