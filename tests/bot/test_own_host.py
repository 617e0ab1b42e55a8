"""The own host's samples: what is read, in which units, as a whole scrape."""

import psutil

from bot.intake import Intake
from bot.own_host import SOURCE, OwnHost, read_host
from storage.clock import SystemClock
from storage.model.sample import Appended, Batch


def test_a_scrape_is_whole_and_says_what_the_machine_says() -> None:
    batch = read_host(1_700_000_000.0)
    found = {sample.labels.name: sample.value for sample in batch.samples}
    assert batch.complete
    assert {sample.time for sample in batch.samples} == {1_700_000_000.0}
    assert {sample.labels.get("job") for sample in batch.samples} == {SOURCE}
    assert found["host_memory_total_bytes"] == psutil.virtual_memory().total
    assert found["host_cpus"] == psutil.cpu_count()
    assert {"host_cpu_seconds_total", "host_load1", "host_filesystem_avail_bytes"} <= set(found)


def test_each_series_comes_once() -> None:
    labels = [sample.labels for sample in read_host(1.0).samples]
    assert len(labels) == len(set(labels))


async def test_samples_go_the_way_of_all_samples() -> None:
    taken: list[Batch] = []
    told: list[tuple[str, int, bool]] = []

    class Store:
        async def append(self, batch: Batch) -> Appended:
            taken.append(batch)
            return Appended(stored=len(batch.samples), stored_at=0.0)

    class Judge:
        async def arrived(self, source: str, appended: Appended, complete: bool) -> None:
            told.append((source, appended.stored, complete))

    intake = Intake(Store(), Judge())
    appended = await OwnHost(intake, SystemClock()).sample()
    await intake.drain()
    assert appended.stored == len(taken[0].samples) > 10
    assert told == [(SOURCE, appended.stored, True)]
