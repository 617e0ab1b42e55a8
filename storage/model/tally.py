"""What an incident's alerts come to, without the alerts: so many of each kind."""

from dataclasses import dataclass
from datetime import datetime

from storage.model.alert import Category, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Heap:
    """Alerts of one incident that are alike in all that sums them up.

    name:   their `alertname`.   muted: who keeps them from being heard; empty: nobody.
    silent: they are held firing only because their samples stopped coming.
    count:  how many they are, at least one.   since: when the first of them began, aware UTC.
    no_data_since: of those that are silent, when the last one fell silent.
    """

    name: str
    severity: Severity
    category: Category
    firing: bool
    muted: str = ""
    silent: bool = False
    count: int
    since: datetime
    no_data_since: datetime | None = None


Tally = tuple[Heap, ...]
"""All alerts of an incident, each in one heap."""
