"""What is known of a phone number: whether its owner confirmed it, whether they texted STOP."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A number that SMS go to. All moments are aware UTC.

    number:      E.164.
    stopped_at:  when its owner texted STOP; None: they did not, or texted START since.
    verified_at: when its owner confirmed it; None: not yet.
    invited_at:  when they were first asked to.
    code:        `salt$hash` of the newest code; empty where there is none.
    code_ends_at, code_tries: how long it counts, and how often one was tried.
    """

    number: str
    stopped_at: datetime | None = None
    verified_at: datetime | None = None
    invited_at: datetime | None = None
    code: str = ""
    code_ends_at: datetime | None = None
    code_tries: int = 0
