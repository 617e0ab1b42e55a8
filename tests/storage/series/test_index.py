"""The index against the plain meaning of matchers."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.model.labels import Labels, Matcher, MatchOp
from storage.series.index import FEW, Index
from storage.series.newcomers import Newcomers
from tests.storage.series.twin import equal

NAMES, VALUES = ["__name__", "job", "zone"], ["", "a", "b", "ab"]
sets_of_labels = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES)).map(Labels.of)
matchers = st.builds(
    Matcher,
    st.sampled_from([*NAMES, "absent"]),
    st.sampled_from(list(MatchOp)),
    st.sampled_from(["", "a", "a|b", "a?", ".+", ".*", "x"]),
)


@given(
    known=st.lists(sets_of_labels, unique=True),
    gone=st.sets(st.integers(0, 20)),
    asked=st.lists(matchers, max_size=4),
)
def test_selects_what_the_matchers_accept(
    known: list[Labels], gone: set[int], asked: list[Matcher]
) -> None:
    index = Index()
    for number, labels in enumerate(known):
        index.choose(asked)  # what is remembered must not outlive what changes it
        index.learn(Newcomers.of([(number, labels)]))
    index.choose(asked)
    index.forget(gone)
    expected = [
        number
        for number, labels in enumerate(known)
        if number not in gone and all(matcher.matches(labels) for matcher in asked)
    ]
    assert index.select(asked).tolist() == expected
    for _ in range(2):
        chosen = index.choose(asked)
        assert chosen.numbers.tolist() == expected
        assert chosen.labels == tuple(known[number] for number in expected)
    left = {pair for number, labels in enumerate(known) if number not in gone for pair in labels}
    assert set(index.names()) == {name for name, _ in left}
    assert set(index.values("job")) == {value for name, value in left if name == "job"}


def crowd() -> Index:
    """More series than are looked at one by one: 40 pods, 20 codes, some without a code."""
    index = Index()
    for number, (pod, code) in enumerate(product(range(40), range(20))):
        code_label = {"code": str(200 + code)} if code else {}
        index.learn(
            Newcomers.of(
                [(number, Labels.of({"pod": f"p{pod}", **code_label}, __name__="requests"))]
            )
        )
    return index


# fmt: off
CROWDED = [
    pytest.param([], 800, id="nothing-asked"),
    pytest.param([equal("__name__", "requests"), equal("code", "205")], 40, id="equal"),
    pytest.param([equal("code", "")], 40, id="label-absent"),
    pytest.param([Matcher("code", MatchOp.NOT_EQUAL, "")], 760, id="label-there"),
    pytest.param([Matcher("code", MatchOp.NOT_EQUAL, "205")], 760, id="not-equal"),
    pytest.param([Matcher("code", MatchOp.REGEX, "20.")], 360, id="regex"),
    pytest.param([Matcher("code", MatchOp.REGEX, "(20.)?")], 400, id="regex-or-absent"),
    pytest.param([Matcher("code", MatchOp.NOT_REGEX, "20.")], 440, id="not-regex-keeps-absent"),
    pytest.param([Matcher("code", MatchOp.NOT_REGEX, "(20.)?")], 400, id="not-regex-nor-absent"),
    pytest.param([Matcher("pod", MatchOp.REGEX, "p1?."), Matcher("code", MatchOp.REGEX, "2.+")],
        380, id="two-regexes"),
    pytest.param([equal("__name__", "requests"), Matcher("absent", MatchOp.REGEX, ".*")],
        800, id="empty-matches-absent"),
    pytest.param([equal("absent", "x")], 0, id="no-such-label"),
    pytest.param([equal("pod", "p1"), equal("pod", "p2")], 0, id="contradiction"),
]
# fmt: on


@pytest.mark.parametrize(("asked", "count"), CROWDED)
def test_a_crowd_is_selected_by_lists_and_not_one_by_one(asked: list[Matcher], count: int) -> None:
    index = crowd()
    assert len(index) > FEW
    found = index.select(asked).tolist()
    labels = index.labels_of(found)
    assert all(matcher.matches(one) for matcher in asked for one in labels)
    assert (len(found), found) == (count, sorted(set(found)))


def test_numbers_are_never_given_twice() -> None:
    index = crowd()
    index.forget(range(800))
    assert (len(index), index.next_number, index.names()) == (0, 800, ())
    index.reserve(1000)
    assert index.next_number == 1001


def test_what_is_asked_again_is_the_same_roster_until_its_metric_grows() -> None:
    index = Index()
    index.learn(Newcomers.of([(0, Labels.of(__name__="up", job="a"))]))
    before = index.choose([equal("__name__", "up")])
    index.learn(Newcomers.of([(1, Labels.of(__name__="down", job="a"))]))
    assert index.choose([equal("__name__", "up")]).labels is before.labels
    index.learn(Newcomers.of([(2, Labels.of(__name__="up", job="b"))]))
    assert index.choose([equal("__name__", "up")]).numbers.tolist() == [0, 2]
