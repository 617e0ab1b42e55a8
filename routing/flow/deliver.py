"""Messages go out: claim, send, record. One channel's trouble never delays another."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery import body, report
from routing.delivery.channel import (
    Channel,
    ChannelKind,
    Message,
    Receipt,
    Rejected,
    TryLater,
)
from routing.delivery.gathered import gathered
from routing.delivery.report import TakesReports
from routing.flow.caps import Caps
from routing.flow.current import Current
from routing.flow.failover import move_overdue
from routing.flow.flights import Flight, cleared
from routing.flow.gather import MOST, Gatherer, items_of
from routing.flow.lanes import Lanes
from routing.flow.moment import Moment, read_moment
from routing.flow.outcomes import Outcomes
from routing.flow.outlive import Outlive
from routing.flow.present import freshened, is_stale, recapped
from routing.flow.recorder import Recorder
from routing.flow.recording import Result
from routing.flow.rooms import with_words
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.clock import Clock, Steady
from storage.errors import StorageUnavailable
from storage.model.delivery import DeliveryStatus, OutboxMessage, Purpose
from storage.sql import outbox, reports
from storage.sql.database import Database

log = structlog.get_logger()

Channels = Mapping[str, tuple[ChannelKind, Channel]]
PATIENCE = 15.0
"""Seconds that one send may take; what takes longer counts as failed for the moment."""
LEASE = 30.0
"""Seconds after which a crashed sender's messages are due again; longer than PATIENCE."""
LONGEST_SLEEP = 1.0
NO_REPORTS = "take it out of reports.schedules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What a claim brought: those that may go, and how many were taken for that."""

    flights: list[Flight]
    count: int


class Sender:
    """Sends what the outbox owes, at least once, each message by its channel and in its pace.

    owner: names this instance in leases; the same after a restart.
    turned_at: when its loop last went round; a watchman can see that it does.
    succeeded_at: when it could last look for what is due; the database was there then.
    jitter: numbers in [0, 1) for back-off.
    outcomes: asks, and is told, what became of messages that were taken.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        channels: Channels,
        playbook: Current[Playbook],
        wake: Wake,
        owner: str,
        *,
        patience: float = PATIENCE,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database, self._clock, self._channels = database, clock, channels
        self._playbook, self._wake, self._owner = playbook, wake, owner
        self._patience, self._jitter = patience, jitter
        between = {name: kind.seconds_between for name, (kind, _) in channels.items()}
        kinds = {name: kind for name, (kind, _) in channels.items()}
        self._lanes = Lanes(between, wide={n for n, kind in kinds.items() if kind.wants_alerts})
        self._whole = {n for n, kind in kinds.items() if kind.wants_alerts or kind.keeps_all}
        self._gatherer, self._caps = Gatherer(self._lanes), Caps()
        self.outcomes = Outcomes(database, clock, channels, playbook, wake)
        self._tasks: set[asyncio.Task[None]] = set()
        self._recorder = Recorder(database, clock, playbook, wake, jitter)
        self._claiming, self._turns = asyncio.Lock(), asyncio.Lock()
        self._stopping = False
        self._outlive = Outlive("sender", clock)
        self.turned_at: Steady = clock.steady()
        self.succeeded_at: Steady = clock.steady()

    async def take_over(self) -> int:
        """End the leases that this owner held before a crash; return how many there were."""
        async with self._database.transaction() as tx:
            return await outbox.release(tx, self._owner)

    async def start_due(self) -> int:
        """Claim what is due and may go now, and begin to send it; return how many were begun.

        Raises StorageUnavailable; what was sent and could not be recorded is recorded first.
        """
        self.turned_at = self._clock.steady()
        await self._recorder.catch_up()
        async with self._claiming:
            flights = [] if self._stopping else await self._take_off()
        self.succeeded_at = self._clock.steady()
        for flight in flights:
            task = asyncio.create_task(self._fly(flight))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(flights)

    async def _take_off(self) -> list[Flight]:
        flights: list[Flight] = []
        try:
            claimed = 1
            while claimed and not flights:  # what may not go now is put back and hides nothing
                async with self._database.transaction() as tx:
                    claimed = await self._claim(tx, flights)
        except BaseException:
            for flight in flights:
                self._lanes.leave(flight.place)
            raise
        return flights

    async def _claim(self, tx: AsyncConnection, flights: list[Flight]) -> int:
        moment = await read_moment(tx, self._clock, self._playbook)
        now, playbook = moment.steady, moment.playbook
        more = {"busy": self._lanes.busy(now), "full": self._lanes.full()}
        claimed = await self._cleared(tx, now, limit=self._lanes.room(self._channels), **more)
        found, count = list(claimed.flights), claimed.count
        if crowded := self._gatherer.crowded(found, playbook, now):
            rest = await self._cleared(tx, now, limit=MOST, only=crowded, **more)
            found, count = found + rest.flights, count + rest.count
        found = await recapped(tx, found, self._lanes, self._whole, moment)
        arranged = self._gatherer.arrange(found, playbook, now)
        flights += arranged.going  # their lanes are taken, whatever fails from here on
        for later, messages in arranged.waiting.items():
            await outbox.put_back(tx, messages, not_before=later)
        flights[:] = [await self._written(tx, flight, moment) for flight in flights]
        flights[:] = await with_words(tx, flights, moment)
        return count

    async def _written(self, tx: AsyncConnection, flight: Flight, moment: Moment) -> Flight:
        stale = is_stale(flight, moment.now)
        written = await (freshened(tx, flight, moment) if stale else items_of(tx, flight))
        return await self._caps.checked(tx, written, moment)

    async def _cleared(self, tx: AsyncConnection, now: Steady, **which: Any) -> Claimed:
        claimed = await outbox.claim_due(tx, owner=self._owner, now=now, lease=LEASE, **which)
        chat = {name for name, (kind, _) in self._channels.items() if kind.is_chat}
        sent_at = self._clock.utc_now()
        flights = await cleared(tx, claimed, chat, now=now, sent_at=sent_at)
        return Claimed(flights=flights, count=len(claimed))

    async def send_due(self) -> int:
        """Send until nothing is left that may go now, and wait for it; return how many it was."""
        sent = 0
        while begun := await self.start_due():
            sent += begun
            await self._landed()
        return sent

    async def _landed(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)
            await asyncio.sleep(0)

    async def _fly(self, flight: Flight) -> None:
        """Send one message and note what became of it."""
        place = flight.place
        if (still := await self._wanted(flight)) is None:
            self._lanes.leave(place)
            return
        flight = still
        await self._in_turn()
        result = await self._send(flight)
        told = {"key": flight.message.key, "channel": flight.message.channel}
        if isinstance(result, Receipt):
            log.info("sent", **told)
        else:
            log.warning("not sent", reason=str(result), **told)
        await self._recorder.note(flight, result)  # its lane stays taken until that is done
        now = self._clock.steady()
        if isinstance(result, TryLater):
            self._lanes.failed(flight.place, now, self._jitter(), result.after)
        else:
            self._lanes.succeeded(flight.place, now)
        self._wake.sender.set()

    async def _in_turn(self) -> None:
        """Begin one after the other: writing a hundred alerts takes a while, sixty-four times."""
        async with self._turns:
            await asyncio.sleep(0)

    async def _wanted(self, flight: Flight) -> Flight | None:
        """Look once more, right before a page rings: an answer may have come since the claim."""
        if flight.message.purpose is not Purpose.PAGE:
            return flight
        try:
            async with self._database.reading() as tx:
                rows = await outbox.get_many(tx, [it.id for it in flight.messages])
        except StorageUnavailable:
            return flight  # it was wanted a moment ago, and nobody can say otherwise now
        return flight.with_only([it.id for it in rows if it.status is DeliveryStatus.WAITING])

    async def _send(self, flight: Flight) -> Result:
        """Call the channel; every answer, and every fault, becomes one of three words."""
        message = flight.message
        if flight.refusal:
            return Rejected(flight.refusal)
        if message.channel not in self._channels:
            return Rejected(
                f"no channel is called {message.channel!r}",
                advice="add it to the configuration, or take it out of people and rooms",
            )
        kind, channel = self._channels[message.channel]
        try:
            async with asyncio.timeout(self._patience):
                if message.purpose is Purpose.REPORT:
                    return await self._send_report(kind, channel, message)
                said = self._said(flight)
                return await channel.send(said, message.address, message.key, flight.post)
        except (Rejected, TryLater) as word:
            return word
        except TimeoutError:
            return TryLater(f"no answer within {self._patience:g} s", doubtful=True)
        except Exception as error:
            log.exception("channel failed", channel=message.channel, key=message.key)
            return TryLater(f"{type(error).__name__} inside the channel", doubtful=True)

    async def _send_report(
        self, kind: ChannelKind, channel: Channel, message: OutboxMessage
    ) -> Receipt:
        """Hand a finished report to a channel that shows reports."""
        async with self._database.reading() as tx:
            found = await reports.body_of(tx, body.read(message.body).report)
        if not found:
            raise Rejected(f"the report {message.key} is no longer kept")
        if not (kind.takes_reports and isinstance(channel, TakesReports)):
            raise Rejected(f"{message.channel} shows no reports", advice=NO_REPORTS)
        finished = await asyncio.to_thread(report.read, found)
        return await channel.send_report(finished, message.address, message.key)

    def _said(self, flight: Flight) -> Message:
        """Return what is to be said; a try cut off by a crash is told, for the channel to look."""
        message = flight.message
        if flight.is_gathered:
            items = [flight.items[it.id] for it in flight.messages]
            said = gathered(message.purpose, items, self._playbook().console)
        else:
            said = flight.said or body.read(message.body)
        return replace(said, doubted_since=message.created_at) if message.doubted else said

    async def watch(self) -> int:
        """Move overdue pages to the next way, ask what became of messages; return how many."""
        return await self.move_overdue() + await self.outcomes.ask()

    async def move_overdue(self) -> int:
        """Move pages that are past their deadline to the next way; return how many."""
        return await move_overdue(self._database, self._clock, self._playbook, self._wake)

    async def run(self) -> None:
        """Send for as long as the program runs, or until `drain`; first what a crash left."""
        await self._outlive(self.take_over)
        watching = [
            asyncio.create_task(self._keep(self.move_overdue)),
            asyncio.create_task(self._keep(self.outcomes.ask)),
        ]
        try:
            while not self._stopping:
                self._wake.sender.clear()
                if not await self._outlive(self.start_due):
                    await self._sleep()
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)

    async def _keep(self, once: Callable[[], Awaitable[int]]) -> None:
        while True:
            await self._outlive(once)
            await asyncio.sleep(LONGEST_SLEEP)

    async def _sleep(self) -> None:
        """Wait for the bell, or until the next message can go."""
        now = self._clock.steady()
        later = [self._lanes.next_free(now), await self._next_due()]
        gaps = [at - now for at in later if at is not None and at > now]
        with suppress(TimeoutError):
            async with asyncio.timeout(min([LONGEST_SLEEP, *gaps])):
                await self._wake.sender.wait()

    async def _next_due(self) -> Steady | None:
        try:
            async with self._database.reading() as tx:
                return await outbox.next_due(tx)
        except StorageUnavailable:
            return None

    async def drain(self, timeout: float) -> int:
        """Begin nothing more, and give what is on its way `timeout` seconds to be recorded.

        Returns how many messages were still on their way then; their leases bring them back.
        """
        self._stopping = True
        self._wake.sender.set()
        async with self._claiming:  # what is being claimed this moment still goes
            pass
        await asyncio.sleep(0)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout)
        with suppress(StorageUnavailable):
            await self._recorder.catch_up()
        return len(self._tasks) + self._recorder.kept
