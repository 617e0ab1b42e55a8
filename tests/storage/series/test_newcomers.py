"""Series that become known together come back from their bytes as they were."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.model.labels import Labels
from storage.series.newcomers import Newcomers, decode, encode

texts = st.sampled_from(["a", "ключ", "half \ud800", "", "\x00", "long " * 99]) | st.text(
    max_size=9
)
series = st.lists(
    st.tuples(
        st.dictionaries(texts, texts, max_size=4).map(Labels.of), st.sampled_from(["", "eu", "ü"])
    ),
    max_size=12,
)


def newcomers(told: list[tuple[Labels, str]]) -> Newcomers:
    sources = {7 * place: source for place, (_, source) in enumerate(told) if source}
    return Newcomers.of(((7 * place, labels) for place, (labels, _) in enumerate(told)), sources)


def holders(some: Newcomers) -> dict[tuple[str, str], list[int]]:
    return {(name, value): held.tolist() for name, value, held in some.holders()}


@given(series, st.binary(max_size=5))
def test_they_come_back(told: list[tuple[Labels, str]], before: bytes) -> None:
    some = newcomers(told)
    written = before + encode(some) + b"behind"
    read, end = decode(written, len(before))
    assert written[end:] == b"behind"
    assert [*zip(read.numbers.tolist(), read.labels, strict=True)] == [
        (7 * place, labels) for place, (labels, _) in enumerate(told)
    ]
    assert read.sources == some.sources
    assert holders(read) == holders(some)


@given(series, st.integers(1, 5), st.integers(0, 2**12))
def test_parts_and_choices_hold_what_they_should(
    told: list[tuple[Labels, str]], most: int, chosen: int
) -> None:
    some = newcomers(told)
    expected: dict[tuple[str, str], list[int]] = {}
    for number, labels in zip(some.numbers.tolist(), some.labels, strict=True):
        for pair in labels:
            expected.setdefault(pair, []).append(number)
    found: dict[tuple[str, str], list[int]] = {}
    for part in some.parts(most):
        assert 0 < len(part) <= most
        for pair, held in holders(part).items():
            found.setdefault(pair, []).extend(held)
    assert found == expected
    keep = np.array([bool(chosen >> place & 1) for place in range(len(told))], dtype=np.bool_)
    kept = set(some.numbers[keep].tolist())
    left = {pair: [n for n in held if n in kept] for pair, held in expected.items()}
    assert holders(some.where(keep)) == {pair: held for pair, held in left.items() if held}


def test_the_same_pair_is_written_once() -> None:
    labels = [Labels.of(__name__="up", job="api", pod=f"{pod:04}") for pod in range(1000)]
    assert encode(Newcomers.of(enumerate(labels))).count(b"api") == 1


@pytest.mark.parametrize("cut", [1, 30, 40])
def test_what_is_cut_short_is_refused(cut: int) -> None:
    whole = encode(Newcomers.of([(3, Labels.of(__name__="up", job="api"))], {3: "eu"}))
    with pytest.raises((ValueError, IndexError, struct.error)):
        decode(whole[:-cut] if cut == 1 else whole[:cut])
