"""Much work is done in parts: others get a turn in between, and little is in memory at a time."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def parts(
    every: Iterable[Item], most: int, weight: Callable[[Item], int] = lambda _: 1
) -> Iterator[list[Item]]:
    """Cut into parts, in order, each closed by the item with which it weighs `most`, or more.

    >>> list(parts([1, 2, 3, 4], 3, weight=lambda number: number))
    [[1, 2], [3], [4]]
    """
    part, weighs = list[Item](), 0
    for item in every:
        part.append(item)
        weighs += weight(item)
        if weighs >= most:
            yield part
            part, weighs = [], 0
    if part:
        yield part
