"""Writes down what became of messages: everything that landed meanwhile, in one transaction."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from routing.flow.current import Current
from routing.flow.flights import Flight
from routing.flow.moment import decided, read_moment
from routing.flow.recording import Result, record, record_rooms, shown
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.clock import Clock
from storage.errors import StorageUnavailable
from storage.model.incident import IncidentId
from storage.sql.database import Database

log = structlog.get_logger()

Landed = tuple[Flight, Result]


class Recorder:
    """Group commit for results: while one batch is written the next one gathers.

    During an outage of the database results are kept, and written before anything new is sent.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        playbook: Current[Playbook],
        wake: Wake,
        jitter: Callable[[], float],
    ) -> None:
        self._database, self._clock = database, clock
        self._playbook, self._wake, self._jitter = playbook, wake, jitter
        self._waiting: list[Landed] = []
        self._kept: list[Landed] = []
        self._turn = asyncio.Lock()

    @property
    def kept(self) -> int:
        """How many results could not be written yet."""
        return len(self._kept)

    async def note(self, flight: Flight, result: Result) -> None:
        """Return when the result is written, or kept because the database is away."""
        landed = (flight, result)
        self._waiting.append(landed)
        async with self._turn:
            if not any(it is landed for it in self._waiting):
                return  # the one before wrote it as well
            batch, self._waiting = self._waiting, []
            try:
                await self._write(batch)
            except StorageUnavailable as error:
                log.warning("sent but not recorded", count=len(batch), reason=str(error))
                self._kept += batch

    async def catch_up(self) -> None:
        """Write what was kept; raises StorageUnavailable while the database is away."""
        async with self._turn:
            if self._kept:
                await self._write(self._kept)
                self._kept = []

    async def _write(self, batch: Sequence[Landed]) -> None:
        """Write together; should one of them be impossible, each alone, so that the others are."""
        try:
            await self._commit(batch)
        except StorageUnavailable:
            raise
        except Exception:
            for landed in batch:
                try:
                    await self._commit([landed])
                except StorageUnavailable:
                    raise
                except Exception:
                    log.exception("not recorded", key=landed[0].message.key)

    async def _commit(self, batch: Sequence[Landed]) -> None:
        self._wake.committed(await decided(self._database, partial(self._record, batch)))

    async def _record(self, batch: Sequence[Landed], tx: AsyncConnection) -> list[IncidentId]:
        moment = await read_moment(tx, self._clock, self._playbook)
        rooms = [it for flight, result in batch if (it := shown(flight, result))]
        changed = await record_rooms(tx, rooms, moment) if rooms else []
        for flight, result in batch:
            if shown(flight, result):
                continue
            jitter, others = self._jitter(), len(flight.others)
            for each in flight.each():
                changed += await record(tx, each, result, moment, jitter=jitter, others=others)
        return changed
