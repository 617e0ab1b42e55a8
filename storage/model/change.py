"""A change: something was deployed, switched or configured. What broke next may be its doing."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change as its source told it. All text is untrusted.

    key:         the source's own name for it; told again, the newer telling counts.
    service:     what was changed, as the `service` label of alerts names it.
    version:     what it is now: a tag, a short commit; may be empty.
    environment: where, such as `production`; may be empty.
    outcome:     `succeeded`, `failed`; empty where the source does not tell.
    summary:     one line about it; may be empty.   by: who did it; may be empty.
    link:        an http or https address; may be empty.
    at:          aware UTC, when it was done.
    """

    source: str
    key: str
    service: str
    at: datetime
    version: str = ""
    environment: str = ""
    outcome: str = ""
    summary: str = ""
    by: str = ""
    link: str = ""
