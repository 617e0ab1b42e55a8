"""How long a provider asks us to wait."""

import re

LONGEST = 3_600.0  # seconds; a message that comes later helps nobody


def seconds(header: str) -> float | None:
    """Read Retry-After where it is a number of seconds; None: our own back-off decides.

    >>> seconds("17"), seconds("Wed, 21 Oct 2026 07:28:00 GMT")
    (17.0, None)
    """
    written = header.strip()
    return min(float(written), LONGEST) if re.fullmatch(r"[0-9]{1,9}", written) else None
