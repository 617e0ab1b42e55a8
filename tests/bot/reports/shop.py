"""A shop's week in a real store: what its services and machines would have sent."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from math import pi, sin
from pathlib import Path

from bot.reports.figures import Performance
from routing.flow.act import IncidentDesk
from routing.flow.current import Current
from routing.flow.desks import Desks
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.metrics.local import LocalMetrics
from storage.model.labels import Labels
from storage.model.sample import Batch, Sample
from storage.series.local import LocalSeries
from storage.series.options import SeriesOptions
from storage.sql.database import Database
from tests.databases import new_database
from tests.fakes import NOON, ManualClock

END = NOON.timestamp()
HOUR, DAY = 3_600.0, 86_400.0
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
Series = tuple[Labels, Iterable[tuple[float, float]]]
ALL_TIME = 400 * 86_400


class Shop:
    """A store and the desks over it; `send` series, then ask."""

    def __init__(self, series: LocalSeries, database: Database, clock: ManualClock) -> None:
        self.series, self.metrics = series, LocalMetrics(series)
        playbook = Current(Playbook(people={}, oncall={}, policies={}, default=""))
        self.settings: Current[dict[str, Performance]] = Current({})
        self.desks = Desks(
            incidents=IncidentDesk(database, clock, playbook, Wake()),
            database=database,
            clock=clock,
            metrics=self.metrics,
            playbook=playbook,
            settings=self.settings,
        )
        self._database = database

    @classmethod
    async def open(cls, folder: Path) -> "Shop":
        clock = ManualClock(NOON)
        database = await new_database(folder / "shop.db")
        old = timedelta(seconds=ALL_TIME)
        options = SeriesOptions(out_of_order=old, too_old=old, retention=old)
        return cls(await LocalSeries.open(folder / "samples", options, clock), database, clock)

    async def send(self, series: Iterable[Series]) -> None:
        for labels, points in series:
            samples = [Sample(labels, at, value) for at, value in points]
            if samples:
                await self.series.append(Batch(samples))

    async def close(self) -> None:
        self.metrics.close()
        await self.series.close()
        await self._database.close()


def counter(
    labels: Labels, per_second: float, *, since: float = DAY, until: float = 0.0, step: float = 60.0
) -> Series:
    """A counter that grows evenly, from `since` seconds before the end."""
    return labels, _even(per_second, since, until, step)


def _even(
    per_second: float, since: float, until: float, step: float
) -> Iterator[tuple[float, float]]:
    steps = int((since - until) // step)
    for number in range(steps + 1):
        yield END - since + number * step, per_second * step * number


def histogram(
    name: str, labels: dict[str, str], shares: dict[str, float], **more: float
) -> list[Series]:
    """A histogram: bound -> requests per second at or below it."""
    return [
        counter(Labels.of({"__name__": f"{name}_bucket", "le": bound, **labels}), rate, **more)
        for bound, rate in shares.items()
    ]


def week(job: str, base: float, *, days: float = 8.0, step: float = 60.0) -> list[Series]:
    """Eight days of a service with its days and nights, and an evening that went wrong."""
    count, steps = {}, int(days * DAY / step)
    ok: list[tuple[float, float]] = []
    bad: list[tuple[float, float]] = []
    cpu: list[tuple[float, float]] = []
    memory: list[tuple[float, float]] = []
    buckets: dict[float, list[tuple[float, float]]] = {bound: [] for bound in (*BOUNDS, 1e9)}
    good = failed = spent = 0.0
    for number in range(steps + 1):
        at = END - days * DAY + number * step
        wave = 1 + 0.6 * sin(2 * pi * (at % DAY) / DAY - pi / 2) + 0.04 * sin(at * 7.13)
        growth = 1 + 0.1 * (number / steps)
        rate = base * wave * growth
        trouble = job == "checkout" and END - 7 * HOUR < at < END - 5 * HOUR
        share = 0.06 if trouble else 0.002 + 0.001 * sin(at / 900) ** 2
        slow = 4.0 if trouble else 1.0 + 0.3 * wave
        good, failed = good + rate * (1 - share) * step, failed + rate * share * step
        spent += (0.1 + rate * 0.012) * step
        ok.append((at, good))
        bad.append((at, failed))
        cpu.append((at, spent))
        memory.append((at, base * 6e6 + 4e4 * (number % 2_000) + 5e6 * sin(at / 500)))
        for bound in buckets:
            part = 1 - 2.718 ** (-bound / (0.05 * slow))
            count[bound] = count.get(bound, 0.0) + rate * step * part
            buckets[bound].append((at, count[bound]))
    who = {"job": job, "instance": f"{job}-1:8080"}
    name = "http_request_duration_seconds"
    return [
        (Labels.of({"__name__": "http_requests_total", "code": "200", **who}), ok),
        (Labels.of({"__name__": "http_requests_total", "code": "503", **who}), bad),
        (Labels.of({"__name__": "process_cpu_seconds_total", **who}), cpu),
        (Labels.of({"__name__": "process_resident_memory_bytes", **who}), memory),
        *(
            (
                Labels.of({"__name__": f"{name}_bucket", "le": _bound(bound), **who}),
                points,
            )
            for bound, points in buckets.items()
        ),
    ]


def _bound(bound: float) -> str:
    return "+Inf" if bound > 1e6 else f"{bound:g}"


def node(host: str, busy: float, *, days: float = 8.0, step: float = 120.0) -> list[Series]:
    """A machine as node_exporter shows it."""
    times = [END - days * DAY + n * step for n in range(int(days * DAY / step) + 1)]
    who = {"job": "node", "instance": f"{host}:9100"}
    idle, load, got, sent = 0.0, [], [], []
    down = up = 0.0
    for at in times:
        used = busy * (1 + 0.5 * sin(2 * pi * (at % DAY) / DAY - pi / 2))
        idle += step * 2 * (1 - used)
        down, up = down + 2e6 * used * step, up + 8e6 * used * step
        load.append((at, idle))
        got.append((at, down))
        sent.append((at, up))
    disk = {"mountpoint": "/", "fstype": "ext4", "device": "sda1"}

    def flat(name: str, value: float, **more: str) -> Series:
        return Labels.of({"__name__": name, **who, **more}), [(at, value) for at in times]

    return [
        (Labels.of({"__name__": "node_cpu_seconds_total", "mode": "idle", "cpu": "0", **who}),
         [(at, value / 2) for at, value in load]),
        flat("node_memory_MemTotal_bytes", 8 * 2**30),
        flat("node_memory_MemAvailable_bytes", 8 * 2**30 * (1 - busy)),
        flat("node_filesystem_size_bytes", 100e9, **disk),
        (Labels.of({"__name__": "node_filesystem_avail_bytes", **who, **disk}),
         [(at, 30e9 - 15e9 * n / len(times)) for n, at in enumerate(times)]),
        (Labels.of({"__name__": "node_network_receive_bytes_total", "device": "eth0", **who}), got),
        (
            Labels.of({"__name__": "node_network_transmit_bytes_total", "device": "eth0", **who}),
            sent,
        ),
    ]  # fmt: skip
