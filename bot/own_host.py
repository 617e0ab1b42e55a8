"""Samples of the machine that Tocsin runs on: CPU, memory, disk, network, load."""

import asyncio
from collections.abc import Iterator

import psutil

from bot.intake import Intake
from storage.clock import Clock
from storage.model.labels import NAME, Labels
from storage.model.sample import Appended, Batch, Sample

SOURCE = "own_host"

Reading = tuple[str, dict[str, str], float]


class OwnHost:
    """Reads the host when asked, as the source `own_host`.

    The system calls run in a thread: a dead network disk can hold one for a long time, and then
    only the host's own samples are late.
    """

    def __init__(self, intake: Intake, clock: Clock) -> None:
        self._intake, self._clock = intake, clock

    async def sample(self) -> Appended:
        """Take one scrape and store it; raises StorageUnavailable."""
        at = self._clock.utc_now().timestamp()
        return await self._intake.take(SOURCE, await asyncio.to_thread(read_host, at))


def read_host(at: float) -> Batch:
    """Read the host now, as one whole scrape of `host_*` series stamped `at` (Unix seconds).

    Names and units follow node_exporter (seconds, bytes; `_total` counts up), with the prefix
    `host_` in place of `node_`, so that its rules need one replacement. What this system cannot
    tell is left out.
    """
    readings = (*_cpu(), *_memory(), *_filesystems(), *_disks(), *_network())
    samples = [
        Sample(Labels.of({NAME: f"host_{name}", "job": SOURCE, **labels}), at, float(value))
        for name, labels, value in readings
    ]
    return Batch(samples, complete=True)


def _cpu() -> Iterator[Reading]:
    for number, times in enumerate(psutil.cpu_times(percpu=True)):
        for mode, seconds in times._asdict().items():
            yield "cpu_seconds_total", {"cpu": str(number), "mode": mode}, seconds
    yield "cpus", {}, psutil.cpu_count() or 1
    for minutes, load in zip((1, 5, 15), psutil.getloadavg(), strict=True):
        yield f"load{minutes}", {}, load
    yield "boot_time_seconds", {}, psutil.boot_time()


def _memory() -> Iterator[Reading]:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    yield "memory_total_bytes", {}, memory.total
    yield "memory_available_bytes", {}, memory.available
    yield "memory_swap_total_bytes", {}, swap.total
    yield "memory_swap_free_bytes", {}, swap.free


def _filesystems() -> Iterator[Reading]:
    seen: set[str] = set()
    for part in psutil.disk_partitions(all=False):
        # A container mounts one device at many places; a read-only image is always full.
        if part.device in seen or "ro" in part.opts.split(","):
            continue
        seen.add(part.device)
        try:
            usage = psutil.disk_usage(part.mountpoint)
        except OSError:
            continue
        labels = {"device": part.device, "mountpoint": part.mountpoint, "fstype": part.fstype}
        yield "filesystem_size_bytes", labels, usage.total
        yield "filesystem_avail_bytes", labels, usage.free


def _disks() -> Iterator[Reading]:
    for device, io in (psutil.disk_io_counters(perdisk=True) or {}).items():
        if io.read_count or io.write_count:
            yield "disk_read_bytes_total", {"device": device}, io.read_bytes
            yield "disk_written_bytes_total", {"device": device}, io.write_bytes
            yield "disk_reads_completed_total", {"device": device}, io.read_count
            yield "disk_writes_completed_total", {"device": device}, io.write_count


def _network() -> Iterator[Reading]:
    for device, io in psutil.net_io_counters(pernic=True).items():
        if io.packets_recv or io.packets_sent:
            labels = {"device": device}
            yield "network_receive_bytes_total", labels, io.bytes_recv
            yield "network_transmit_bytes_total", labels, io.bytes_sent
            yield "network_receive_errs_total", labels, io.errin
            yield "network_transmit_errs_total", labels, io.errout
            yield "network_receive_drop_total", labels, io.dropin
            yield "network_transmit_drop_total", labels, io.dropout
