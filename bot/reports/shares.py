"""Shares of small counts, with how much they can be trusted."""

from math import sqrt

LEAST = 10
"""Fewer than these are too few to speak of a share."""
Z = 1.959964
"""Standard deviations on either side that hold 95 % of a normal distribution."""


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, from 0 to 1: `hits` out of `of`, at least one.

    It keeps what it promises where counts are small or a share is near 0 or 1, where the usual
    interval around the mean does not.
    Source: Wilson, Probable Inference, JASA 22 (1927); Newcombe, Stat Med 17 (1998), method 3.
    """
    if not 0 <= hits <= of or of < 1:
        raise ValueError(f"found {hits} of {of}; expected between 0 and as many, of at least 1")
    share, squared = hits / of, Z * Z
    middle = share + squared / (2 * of)
    reach = Z * sqrt(share * (1 - share) / of + squared / (4 * of * of))
    scale = 1 + squared / of
    low = (middle - reach) / scale if hits else 0.0  # to the last bit, where it is known
    high = (middle + reach) / scale if hits < of else 1.0
    return low, high


def told_share(hits: int, of: int) -> str:
    """Write a share for people: `62% (41 to 79)`; of too few only the count.

    >>> told_share(8, 12), told_share(3, 4), told_share(0, 0)
    ('67% (39 to 86)', '3', '-')
    """
    if of < LEAST:
        return str(hits) if of else "-"
    low, high = wilson(hits, of)
    return f"{hits / of:.0%} ({low * 100:.0f} to {high * 100:.0f})"


def told_count(said: int, of: int) -> str:
    """Say of how many something was said, and whether that is enough.

    >>> told_count(12, 20), told_count(3, 4)
    ('12 of 20', '3 of 4, too few to say')
    """
    return f"{said} of {of}" + (", too few to say" if said < LEAST else "")
