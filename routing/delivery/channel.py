"""The channel port: what a channel gets, what it answers, how it refuses.

A channel lives in `bot/channels/<name>.py` and ends with `CHANNEL = ChannelKind(...)`.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from storage.model.alert import Alert, Severity
from storage.model.delivery import DeliveryStatus, Post, Purpose
from storage.model.incident import Status
from storage.model.labels import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an incident's history. `id` ascends; a thread shows each line once."""

    id: int
    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A button: the verb it says, and its label. `verb` is the whole command less the number."""

    verb: str
    label: str
    danger: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An incident's alerts as they are, for programs that read them.

    group:    the name of what belongs together.   by: the labels it is grouped by.
    alerts:   the most urgent first.   left_out: how many more there are.
    home:     the console's address; may be empty.
    """

    group: str
    by: Labels
    alerts: tuple[Alert, ...]
    left_out: int = 0
    home: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What any channel can render. All text may come from alerts: data, to be escaped.

    version:  the incident's version that this shows.
    summary:  the sentence a tired person needs; several lines are possible.
    facts:    (name, value) pairs, most important first.
    lines:    the newest history lines, oldest first (rooms); a channel shows those that its
              `Post` has not told yet.
    asked:    addresses on this very channel of those whom the message asks to answer; pinged.
              Nobody else ever is.
    asked_keys: keys of the pages that this room message carries by mentioning people.
    link:     an address on the console; may be empty.
    report:   key of the finished report that this is; empty: it is none.
    bundle:   the alerts themselves, only for channels whose kind `wants_alerts`.
    round:    of the escalation, as the incident counts them.
    thread:   names the incident for good, also where numbers begin anew; empty without one.
    stages:   words for all that holds now and is worth hearing (`triggered.0.1`,
              `no-data.1772452800`): a channel that cannot edit what it sent tells each once.
    doubted_since: a try since then was cut off by a crash, or its outcome is not known, and it may
              have arrived: a channel that can look does so before it sends. Said by the sender,
              no part of the body.
    """

    purpose: Purpose
    title: str
    incident: int | None = None
    version: int = 0
    status: Status | None = None
    severity: Severity = Severity.WARNING
    summary: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    actions: tuple[Action, ...] = ()
    lines: tuple[Line, ...] = ()
    asked: tuple[str, ...] = ()
    asked_keys: tuple[str, ...] = ()
    link: str = ""
    round: int = 0
    thread: str = ""
    stages: tuple[str, ...] = ()
    report: str = ""
    bundle: Bundle | None = None
    doubted_since: datetime | None = None

    @property
    def ack(self) -> str:
        """What stands behind `ack` to answer it: a number, `mine` for many; empty: nothing."""
        verbs = {action.verb for action in self.actions}
        if "ack" in verbs and self.incident:
            return str(self.incident)
        return "mine" if "ack mine" in verbs else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the provider said.

    status: SENT where the provider took it, DELIVERED where arrival is proven.
    post:   for rooms (and pages into a thread): where it now stands and what it has told.
    """

    provider_id: str
    status: DeliveryStatus = DeliveryStatus.SENT
    post: Post | None = None
    error: str = ""


class TryLater(Exception):
    """Not now. `after`: seconds the provider asked to wait; None: our own back-off decides.

    post: set where half of the work was done (the top message stands, its thread reply failed).
    doubtful: the provider may have done it all the same. Kept with the message, so that the next
    try says so (`Message.doubted_since`), also after a crash.
    """

    def __init__(
        self,
        reason: str,
        *,
        after: float | None = None,
        post: Post | None = None,
        doubtful: bool = False,
    ) -> None:
        super().__init__(reason)
        self.after = after
        self.post = post
        self.doubtful = doubtful


class Rejected(Exception):
    """Never: the provider refuses this message or this address for good.

    advice: what an administrator can do about it; empty where nothing can be done.
    fault:  the provider's word where it refuses whatever the address (a wrong token):
            administrators hear of it once, not once for each address.
    """

    def __init__(self, reason: str, *, advice: str = "", fault: str = "") -> None:
        super().__init__(reason)
        self.advice, self.fault = advice, fault


class Channel(Protocol):
    """An open channel. Called from one event loop; `send` may run several times at once."""

    async def send(self, message: Message, address: str, key: str, post: Post | None) -> Receipt:
        """Send, or bring `post` up to date where the incident already stands in the room.

        address: a room's or a contact point's address.  key: the outbox key, for providers
        that can recognise a repeat.  post: for ROOM where this room's post already exists; for
        PAGE and NOTICE by chat the incident's post in a room of this channel (reply in its
        thread), if there is one.
        Raises TryLater or Rejected; anything else counts as TryLater.
        """
        ...

    async def outcome(self, provider_id: str) -> Receipt:
        """Ask what became of a message; only called where the kind `proves`."""
        ...

    async def close(self) -> None:
        """Let go of connections; awaited once at shutdown."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelKind:
    """What a channel's file exports.

    options:  the dataclass that is its section in the configuration.
    open:     called inside the running loop with the options.
    is_chat:  people can be asked in a room and answer there; severity word `chat` means these.
    has_rooms: incidents can be shown in rooms there; chat always has them.
    proves:   `outcome` can tell whether a message arrived.
    seconds_between: least time between two new messages to one address.
    asks:     people can be reached by it; False: it has rooms and nothing else.
    wakes:    a message to a person may wake them; chat and mail do not.
    pages_only: people are asked by it and never told news: it rings.
    keeps_all: its rooms are no message to anybody: a recap would only hide what they show.
    wants_alerts: its rooms take the alerts themselves (`Message.bundle`).
    takes_reports: it shows finished reports (`routing.delivery.report.TakesReports`).
    addresses: the addresses that its options name; None: it takes any.
    faults:   what is wrong with options that look right one by one: (keys from its section, text).
    """

    name: str
    options: type[Any]
    open: Callable[[Any], Channel | Awaitable[Channel]]
    is_chat: bool = False
    has_rooms: bool = False
    proves: bool = False
    seconds_between: float = 0.0
    asks: bool = True
    pages_only: bool = False
    wakes: bool = True
    keeps_all: bool = False
    wants_alerts: bool = False
    takes_reports: bool = False
    addresses: Callable[[Any], Collection[str]] | None = None
    faults: Callable[[Any], Iterable[tuple[tuple[str, ...], str]]] | None = None

    @property
    def shows_rooms(self) -> bool:
        """Whether a policy can show its incidents there."""
        return self.is_chat or self.has_rooms
