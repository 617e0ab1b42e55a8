"""Room on a disk."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from routing.finding import Finding, Group
from storage.units import human_bytes

MIB = 1024**2
FAULT_BELOW, WARN_BELOW, WARN_SHARE = 200 * MIB, 2048 * MIB, 0.05


def room_left(folder: Path, group: Group) -> Iterator[Finding]:
    """Say how much room the disk under `folder`, which exists, has left."""
    free, total = shutil.disk_usage(folder).free, shutil.disk_usage(folder).total
    said = f"{human_bytes(free)} of {human_bytes(total)} free on the disk of {folder}"
    advice = "make room: a full disk takes no samples, no incidents and no answers"
    if free < FAULT_BELOW:
        yield group.fault(said, advice)
    elif free < WARN_BELOW and free < WARN_SHARE * total:
        yield group.warning(said, advice)
    else:
        yield group.ok(said)
