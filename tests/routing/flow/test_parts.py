"""Work cut into parts: nothing is lost, doubled or out of order, and no part is too large."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from routing.flow.parts import parts


@given(st.lists(st.integers(0, 9)), st.integers(1, 20))
def test_parts_are_the_whole_in_order_and_as_small_as_asked(items: list[int], most: int) -> None:
    found = list(parts(items, most, lambda item: item))
    assert list(chain.from_iterable(found)) == items
    assert all(sum(part[:-1]) < most for part in found)
    assert all(sum(part) >= most for part in found[:-1])
    assert all(found)
