"""What every ingest format promises, also one that is written tomorrow."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bot.ingest
from bot.ingest.format import BadPayload, IngestFormat
from routing.plugins import collect
from storage.model.sample import Batch

FORMATS = sorted(collect(bot.ingest, IngestFormat).values(), key=lambda known: known.name)
every_format = pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.name)


@every_format
@given(body=st.binary(max_size=400))
def test_garbage_is_refused_in_words(known: IngestFormat, body: bytes) -> None:
    with suppress(BadPayload):
        assert isinstance(known.decode(body, 1 << 20), Batch)


@every_format
def test_the_empty_body_is_refused(known: IngestFormat) -> None:
    with pytest.raises(BadPayload):
        known.decode(b"", 1 << 20)


def test_no_two_formats_share_a_path() -> None:
    assert len({known.path for known in FORMATS}) == len(FORMATS) >= 2
