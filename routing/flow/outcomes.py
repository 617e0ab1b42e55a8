"""Asks the providers that can tell what became of a message that they took."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from routing.delivery.channel import Channel, ChannelKind, Receipt, Rejected, TryLater
from routing.delivery.pace import poll_gap
from routing.flow.current import Current
from routing.flow.failover import fail_over
from routing.flow.moment import decided, read_moment
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.clock import Clock, Steady
from storage.model.delivery import DeliveryStatus, OutboxId, OutboxMessage, Purpose
from storage.model.incident import IncidentId
from storage.sql import audit, outbox
from storage.sql.database import Database

log = structlog.get_logger()

NEVER_AFTER = 600.0
"""Seconds after which a message without proof counts as unproven."""
OPEN_ENDS = (DeliveryStatus.SENT, DeliveryStatus.UNPROVEN)
PATIENCE, AT_ONCE, MOST = 15.0, 4, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """When a message is asked about next."""

    first_seen: Steady
    next_at: Steady
    polls: int = 0


class Outcomes:
    """Remembers what to ask about, and how often it was asked; forgets nothing that matters."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        channels: Mapping[str, tuple[ChannelKind, Channel]],
        playbook: Current[Playbook],
        wake: Wake,
    ) -> None:
        self._database, self._clock, self._playbook, self._wake = database, clock, playbook, wake
        self._proving = {name: it for name, (kind, it) in channels.items() if kind.proves}
        self._polls: dict[OutboxId, Poll] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def ask(self) -> int:
        """Ask about what is due to be asked about; return how many got a final word."""
        if not self._proving:
            return 0
        async with self._database.reading() as tx:
            open_ends = await outbox.unproven(tx, channels=self._proving, limit=MOST)
        now = self._clock.steady()
        fresh = Poll(first_seen=now, next_at=Steady(now + poll_gap(0)))
        self._polls = {it.id: self._polls.get(it.id, fresh) for it in open_ends}
        due = [it for it in open_ends if self._polls[it.id].next_at <= now]
        asked = {(it.channel, it.provider_id): it for it in due}  # one may carry several pages
        words = await asyncio.gather(*(self._ask(it) for it in asked.values()))
        known = dict(zip(asked, words, strict=True))
        learnt = 0
        for message in due:
            learnt += await self._learn(message, known[message.channel, message.provider_id])
        return learnt

    async def told(self, channel: str, receipt: Receipt) -> bool:
        """Take a provider's own word about a message, as `ask` takes its answer.

        Whatever order words come in, and however often: one about a message that is not ours, or
        whose final word is known, changes nothing. True: it was news.
        """
        if receipt.status is DeliveryStatus.SENT:
            return False

        async def work(tx: AsyncConnection) -> tuple[list[IncidentId], bool]:
            found = await outbox.by_provider(tx, channel, receipt.provider_id)
            carried = [it for it in found if it.status in OPEN_ENDS]
            changed: list[IncidentId] = []
            for message in carried:  # one call may have carried several pages
                changed += await self._record(tx, message, receipt.status, receipt.error)
            return changed, bool(carried)

        changed, news = await decided(self._database, work)
        self._wake.committed(changed)
        return news

    async def _ask(self, message: OutboxMessage) -> Receipt | None:
        async with self._turns:
            try:
                async with asyncio.timeout(PATIENCE):
                    return await self._proving[message.channel].outcome(message.provider_id)
            except (TryLater, Rejected, TimeoutError) as word:
                log.info("outcome unknown", key=message.key, reason=str(word))
            except Exception:
                log.exception("outcome unknown", key=message.key)
        return None

    async def _learn(self, message: OutboxMessage, receipt: Receipt | None) -> bool:
        """Write down a final word, or plan the next question."""
        now, poll = self._clock.steady(), self._polls[message.id]
        status = receipt.status if receipt else DeliveryStatus.SENT
        error = receipt.error if receipt else ""
        if status is DeliveryStatus.SENT and now - poll.first_seen >= NEVER_AFTER:
            status, error = DeliveryStatus.UNPROVEN, "no proof that it arrived"
        if status not in (
            DeliveryStatus.DELIVERED,
            DeliveryStatus.FAILED,
            DeliveryStatus.UNPROVEN,
        ):
            polls = poll.polls + 1
            next_at = Steady(now + poll_gap(polls))
            self._polls[message.id] = replace(poll, polls=polls, next_at=next_at)
            return False

        async def work(tx: AsyncConnection) -> list[IncidentId]:
            return await self._record(tx, message, status, error)

        self._wake.committed(await decided(self._database, work))
        return True

    async def _record(
        self, tx: AsyncConnection, message: OutboxMessage, status: DeliveryStatus, error: str
    ) -> list[IncidentId]:
        if not await outbox.record_outcome(tx, message.id, status, error):
            return []
        moment = await read_moment(tx, self._clock, self._playbook)
        if status is DeliveryStatus.FAILED and message.purpose is Purpose.PAGE:
            return await fail_over(tx, message, error or "not delivered", moment)
        await audit.append(
            tx,
            incident=message.incident,
            at=moment.now,
            actor="tocsin",
            via="sender",
            what=status.value,
            because=f"{status.value}: {message.channel} to {message.person or message.address}",
        )
        return [message.incident] if message.incident else []
