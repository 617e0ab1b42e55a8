"""How many messages by a channel a day may cost. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from storage.model.alert import Severity
from storage.model.delivery import OutboxMessage, Purpose
from storage.model.person import PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyCap:
    """So many messages in 24 hours, to one person and to all; None: without end."""

    person: int | None = None
    total: int | None = None

    def reached(self, spent: Mapping[PersonId, int], person: PersonId) -> str:
        """Say which cap is reached; empty: none.   spent: messages of the last 24 hours."""
        if self.person is not None and spent.get(person, 0) >= self.person:
            return f"{self.person} in 24 h for {person}"
        if self.total is not None and sum(spent.values()) >= self.total:
            return f"{self.total} in 24 h for everybody"
        return ""


def is_first_critical(page: OutboxMessage, owed: Sequence[OutboxMessage]) -> bool:
    """Say whether no cap may stop a page: an incident's first critical one by its channel.

    owed: all of the incident's messages.
    """
    if page.purpose is not Purpose.PAGE or page.severity is not Severity.CRITICAL:
        return False
    before = (it for it in owed if it.purpose is Purpose.PAGE and it.channel == page.channel)
    return all(it.sent_at is None for it in before)
