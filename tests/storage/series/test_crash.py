"""kill -9 at random moments, and a full disk, in processes of their own."""

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from storage.series.local import LocalSeries
from tests.storage.series.twin import FOREVER, MINUTE, NOON, UP, HandClock, equal
from tests.storage.series.victim import OPTIONS, SERIES, born

ROOT = Path(__file__).parents[3]
KILLS = 6
BORN = equal("__name__", "born")


def kill_after(directory: Path, minute: int, answers: int, pause: float) -> list[tuple[int, int]]:
    """Run the victim, kill it a little after so many answers; return all it answered for."""
    command = [sys.executable, "-m", "tests.storage.series.victim", str(directory), str(minute)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as it:
        assert it.stdout is not None
        lines = [it.stdout.readline() for _ in range(answers)]
        time.sleep(pause)
        it.kill()
        lines += it.stdout.readlines()
    whole = [line.split() for line in lines if line.endswith(b"\n")]
    return [(int(series), int(at)) for series, at in whole]


async def test_nothing_answered_for_is_lost_by_kill_9(tmp_path: Path) -> None:
    chance = random.Random(9)
    answered: set[tuple[int, int]] = set()
    minute = sealed = 0
    for _ in range(KILLS):
        told = kill_after(tmp_path, minute, chance.randrange(1, 400), chance.random() / 50)
        answered |= set(told)
        last = max(at for _, at in told)
        # A kill may fall behind the sending of some series: they go on where the fastest stood.
        minute = last + 1
        store = await LocalSeries.open(tmp_path, OPTIONS, HandClock(NOON + last * MINUTE))
        found = store.select(UP, *FOREVER)
        kept = set()
        for row, labels in enumerate(found.labels):
            times, values = found.times[row, : found.count[row]], found.values[row]
            minutes = np.rint((times - NOON.timestamp()) / 60)
            assert np.all(np.diff(times) > 0)
            assert minutes.tolist() == values[: len(times)].tolist()
            kept |= {(int(labels.get("instance")), int(at)) for at in minutes}
        assert answered <= kept
        newborn = {labels for labels in store.select([BORN], *FOREVER).labels}
        assert newborn == {born(*one) for one in kept}, (
            "a series comes with its sample or not at all"
        )
        assert len(kept - answered) <= KILLS * SERIES, "only what was under way may be there too"
        assert store.stats().quarantined == store.stats().orphaned == 0
        sealed = store.stats().segments
        await store.close()
    assert sealed > 5, "the kills fell while segments were written"


def test_a_full_disk_keeps_nothing_by_half_and_room_mends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.storage.series.squeezed", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
