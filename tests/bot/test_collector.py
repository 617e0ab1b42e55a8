"""The collector never has much to look at; in a process of its own, since it is one for all."""

import subprocess
import sys

PROGRAM = """
import gc
from bot import collector
from bot.collector import THRESHOLDS

collector.rest()
assert not gc.isenabled()
collector.begin()
assert gc.isenabled() and gc.get_freeze_count() > 1_000, "what is loaded is set aside"
kept, most = [], 0
for number in range(400_000):
    kept.append([number])
    if number % 1_000 == 0:
        most = max(most, len(gc.get_objects()))
assert most < 8 * THRESHOLDS[0], most
before = gc.get_freeze_count()
assert before > 200_000, before
del kept
assert gc.get_freeze_count() < before - 200_000, "what was set aside is still freed when unused"
cycle = []
cycle.append(cycle)
del cycle
assert gc.collect() >= 1, "and cycles are found"
"""


def test_survivors_are_set_aside_before_they_are_many() -> None:
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
