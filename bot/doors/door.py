"""The port for what others tell: the JSON of one format -> alerts and changes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storage.model.alert import Alert
from storage.model.change import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sends, and when it came.

    source:  the name of the source, from the configuration.
    now:     aware UTC.
    headers: of the request, their names in lower case.
    mapping: how the source's own JSON becomes alerts (`bot.doors.mapping`); None: it has none.
    """

    source: str
    now: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    mapping: Any = None


MOST_WORDED = 100


@dataclass(frozen=True, slots=True)
class Refused:
    """One entry that cannot be taken: its place in the body, from 0, and why."""

    index: int
    error: str

    @classmethod
    def among(cls, others: Sequence["Refused"], index: int, error: Exception) -> "Refused":
        """Return one more: of very many only the first are placed and worded."""
        return cls(index, str(error)) if len(others) < MOST_WORDED else ANOTHER


ANOTHER = Refused(-1, "refused as well")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What a body holds.

    alerts:  told by their labels: equal labels are the same alert.
    keyed:   the sender's own name for the trouble -> the alert. What is told again under a name is
             the same trouble, whatever its labels say now.
    over, taken_up: names of troubles that ended, or that somebody acknowledged over there.
    changes: what was deployed or switched.
    refused: entries that are none of these; the others are taken all the same.
    left_out: alerts that the sender left out, because they were too many for one message.
    ignored: why there is nothing in the body for us, where that is as it should be.
    reply:   what the sender's protocol wants to read, besides what any door answers.
    """

    alerts: Sequence[Alert] = ()
    keyed: Mapping[str, Alert] = field(default_factory=dict)
    over: Sequence[str] = ()
    taken_up: Sequence[str] = ()
    changes: Sequence[Change] = ()
    refused: Sequence[Refused] = ()
    left_out: int = 0
    ignored: str = ""
    reply: Mapping[str, Any] = field(default_factory=dict)


Read = Callable[[Any, Caller], Arrived]
"""(the body's JSON, who sends) -> what arrived. Pure. Raises BadPayload: then nothing is taken."""

Prove = Callable[[Mapping[str, str], bytes, Mapping[str, str]], str]
"""(headers in lower case, the body, source -> token) -> the source that sends; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What a door's file exports.

    path:   the route it is mounted at; POST.
    prove:  finds who sends in the protocol's own way; None: a bearer token, or the password of
            basic authentication.
    status: of the answer when all was taken.
    fault:  (status, why) -> the body of a refusal, where the protocol has a form for it.
    """

    name: str
    path: str
    read: Read
    prove: Prove | None = None
    status: int = 200
    fault: Callable[[int, str], Mapping[str, Any]] | None = None
