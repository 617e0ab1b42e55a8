"""What turns while Tocsin runs: the loops, who wakes them, and whether one stands still."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from bot.beat import Beat
from bot.heartbeat import Heartbeat
from bot.loops import Loop, failing, stuck
from bot.own_host import OwnHost
from bot.roll_call import PACE, RollCall
from routing.flow.remind import SilenceReminder

if TYPE_CHECKING:
    from bot.app import App

STUCK = 60.0
"""Seconds without a turn after which a loop counts as stuck; liveness fails then."""
JUDGED = 5.0
"""Seconds that a stop gives to judge what was stored; the rest is judged after the next start."""
SILENT = 120.0
"""Seconds without any sample after which no heartbeat goes out, once there were samples."""


class Roles:
    """Every loop of one process."""

    def __init__(self, app: "App") -> None:
        self._app, self._tasks = app, list[asyncio.Task[None]]()
        config = app.config
        self._paces: dict[asyncio.Event, float] = {app.wake.sender: 1.0, app.wake.timers: 1.0}
        self.loops: list[Loop] = []
        self._loop("judging", app.judge.tick, 1.0)
        self._loop("expiring", app.receiver.expire, 1.0)
        self._loop("muting", app.quiet.look, 1.0, wake=app.wake.muting)
        shared = (app.database, app.clock, app.playbook, app.wake)
        self._loop("reminding", SilenceReminder(*shared).look, 30.0, stuck_after=300.0)
        self._loop("looking", app.observed.look, 5.0)
        self._loop("sealing", app.series.seal, 60.0, stuck_after=900.0)
        self._loop("inspecting", app.housekeeper.inspect, 60.0, stuck_after=300.0)
        self._loop("tidying", app.housekeeper.tidy, 3600.0, stuck_after=2 * 3600.0)
        self._loop("watching heartbeats", app.heartbeats.look, 5.0)
        self._loop("reports", app.reports.tick, 5.0, stuck_after=900.0)
        if app.numbers.remote is not None:
            self._loop("remote metrics", app.ask_remote, 15.0)
        if config.watches_host:
            pace = config.own_host.interval.total_seconds()
            self._loop("own host", OwnHost(app.intake, app.clock).sample, pace, 6 * pace)
        if app.telephony.mouth is not None:
            self._loop("hearing SMS", app.telephony.mouth.listen, 5.0)
        self._loop("looking for targets", app.scraper.look, 5.0)
        if "slack" in config.opened:
            roll = RollCall(lambda: app.reloader.config, *shared)
            self._loop("roll call", roll.call, PACE, stuck_after=2 * PACE)
        if config.heartbeat is not None:
            beat = Heartbeat(config.heartbeat.url.reveal(), self.standing_still)
            pace = config.heartbeat.interval.total_seconds()
            self._loop("heartbeat", beat.beat, pace, stuck_after=3 * pace + STUCK)
        app.observed.loops = tuple(self.loops)

    def _loop(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        pace: float,
        stuck_after: float = 0.0,
        wake: asyncio.Event | None = None,
    ) -> None:
        patience = max(stuck_after, STUCK)
        loop = Loop(name, work, self._app.clock, stuck_after=patience, wake=wake)
        self.loops.append(loop)
        self._paces[loop.wake] = pace

    async def start(self) -> None:
        """Let everything turn."""
        app = self._app
        self._beat = Beat(self._paces, app.clock)
        for loop in self.loops:
            loop.start()
            loop.wake.set()
        self._tasks = [
            asyncio.create_task(app.timers.run(), name="timers"),
            asyncio.create_task(app.sender.run(), name="sender"),
        ]
        if app.mouth is not None:
            await app.mouth.start()
        self._beat.start()

    async def stop(self) -> None:
        """Stop what begins new work; what is being sent goes on until the sender is drained."""
        self._beat.stop()
        if self._app.mouth is not None:
            await self._app.mouth.stop()
        for loop in self.loops:
            await loop.stop()
        await self._app.scraper.stop()
        await self._app.intake.drain()
        await self._app.judge.drain(JUDGED)
        timers, *_ = self._tasks
        timers.cancel()
        await asyncio.gather(timers, return_exceptions=True)

    def troubles(self) -> tuple[str, ...]:
        """Say which loops stand still; then only a restart helps."""
        now, app = self._app.clock.steady(), self._app
        still = [name for name in stuck(self.loops)]
        still += [
            name
            for name, at in (("timers", app.timers.turned_at), ("sender", app.sender.turned_at))
            if now - at > STUCK
        ]
        still += [task.get_name() for task in self._tasks if task.done()]
        return tuple(f"{name} stands still" for name in still)

    def failures(self) -> tuple[str, ...]:
        """Say which loops turn but get nothing done, as while the database is away."""
        now, app = self._app.clock.steady(), self._app
        names = list(failing(self.loops))
        names += [
            name
            for name, it in (("timers", app.timers), ("sender", app.sender))
            if now - it.succeeded_at > STUCK
        ]
        return tuple(f"{name} keeps failing" for name in names)

    def standing_still(self) -> tuple[str, ...]:
        """Say everything for which the outside heartbeat must stop."""
        at = self._app.observed.samples_at
        silent = at is not None and self._app.clock.steady() - at > SILENT
        late = (f"rule group {name} is not judged" for name in self._app.judge.status().late)
        none = ("no samples come in",) if silent else ()
        return (*self.troubles(), *self.failures(), *late, *none)
