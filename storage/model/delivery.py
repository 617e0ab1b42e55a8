"""Messages that are owed, and what became of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from storage.clock import Steady
from storage.model.alert import Severity
from storage.model.incident import IncidentId
from storage.model.person import PersonId

OutboxId = NewType("OutboxId", int)


class Purpose(StrEnum):
    """Why a message is sent.

    ROOM:   an incident's one message in a room, with its history; edited in place. One row for
            each incident and room, armed again whenever there is something new to show.
    PAGE:   asks one person to answer; failure starts the next channel.
    NOTICE: tells one person something (taken, over, a channel is broken); no failover.
    REPORT: a finished report for a room or a person; no failover, and tried for hours.
    """

    ROOM = "room"
    PAGE = "page"
    NOTICE = "notice"
    REPORT = "report"


class DeliveryStatus(StrEnum):
    """What is known of a message.

    WAITING: to be sent, or sent again.  SENT: the provider took it.  DELIVERED: proven to have
    arrived.  UNPROVEN: taken, and no proof came in time.  FAILED: for good, the next channel goes.
    CANCELLED: no longer wanted (acknowledged in time, or overtaken by the next channel).
    """

    WAITING = "waiting"
    SENT = "sent"
    DELIVERED = "delivered"
    UNPROVEN = "unproven"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """One message owed to one address: the row that makes delivery survive a crash.

    Written in the same transaction as the decision that caused it, sent later by
    `routing.flow.deliver`. Delivery is at least once: a crash between the provider's
    answer and our note of it sends the message twice, so texts name their incident.

    key:        what this message *is*, e.g. "incident/42/round/0/step/1/ada/sms"; unique, so
                deciding the same thing twice queues it once.
    incident:   None for notices about Tocsin itself.
    person:     whom it is for; None for rooms.
    round, step: the escalation step it belongs to (pages).
    body:       the channel-neutral Message as JSON; the channel renders it when it sends. Empty
                for a room: what it shows is written when its turn comes.
    not_before: steady; the message is not sent earlier (back-off moves it forward).
    waiting_since: steady; since when it is wanted, whatever back-off says; in the future for the
                later turns of a personal rule, and for what quiet hours put off. None: as
                `not_before` says.
    deadline:   steady; a critical page unsent by then goes to the next channel. None: no limit.
    attempts:   sends started so far, counting one that crashed half-way.
    doubted:    nobody saw the outcome of a send, or none was clear: the provider may have it.
    revision:   counts arming; an outcome is recorded only for the revision that was sent.
    claim:      counts leases; an outcome is recorded only by the one who holds the newest.
    provider_id: the provider's name for what was sent.
    error:      the last failure, in words fit for a person; no secrets.
    """

    id: OutboxId
    key: str
    purpose: Purpose
    severity: Severity
    incident: IncidentId | None
    person: PersonId | None
    round: int
    step: int
    channel: str
    address: str
    body: str
    not_before: Steady
    waiting_since: Steady | None = None
    deadline: Steady | None = None
    status: DeliveryStatus = DeliveryStatus.WAITING
    attempts: int = 0
    doubted: bool = False
    revision: int = 0
    claim: int = 0
    provider_id: str = ""
    error: str = ""
    created_at: datetime
    sent_at: datetime | None = None

    def is_due(self, now: Steady) -> bool:
        """Say whether it is wanted by now; back-off, and waiting for a room, change nothing."""
        since = self.not_before if self.waiting_since is None else self.waiting_since
        return since <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Where an incident stands in a room, so that it can be edited and replied to.

    message_id: the provider's id of the top message.
    told:       id of the newest timeline line that its thread shows.
    asked:      keys of the pages that the top message itself carried (people mentioned in it).
    """

    incident: IncidentId
    channel: str
    address: str
    message_id: str
    told: int = 0
    asked: tuple[str, ...] = ()
