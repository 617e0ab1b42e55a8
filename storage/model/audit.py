"""Audit rows: who did what, to which incident, why, and by which way."""

from dataclasses import dataclass
from datetime import datetime

from storage.model.incident import IncidentId


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One fact of the record; never changed once written.

    id:       ascending; orders the story.  incident: None for what concerns no incident.
    at:       aware UTC.
    actor:    a person's id, or `tocsin` for what it did by itself.
    via:      how it came: `slack`, `console`, `cli`, `sms`, `rules`, `timer`, `sender`.
    what:     a word or two for machines: `opened`, `acknowledged`, `step`, `delivered`, `refused`.
    because:  one sentence for people.
    """

    id: int
    incident: IncidentId | None
    at: datetime
    actor: str
    via: str
    what: str
    because: str
