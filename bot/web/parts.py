"""What the web server is made of: handed over by the composition root, never looked up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from starlette.routing import BaseRoute

from bot.intake import Intake
from routing.flow.current import Current
from routing.flow.desks import Desks
from routing.flow.judge_seat import JudgeStatus
from storage.metrics.port import Metrics
from storage.model.person import PersonId

if TYPE_CHECKING:
    from bot.channels.console import Console
    from bot.channels.links import AnswerLinks
    from bot.doors.mapping import Mapped
    from bot.mail.box import Box
    from bot.web.twilio import TwilioDoor
    from routing.flow.hear import Hearing
    from routing.flow.heartbeats import Heartbeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one sender may ask of us.

    body_bytes:     as it comes.  unpacked_bytes: what it may unpack to.
    body_seconds:   a body that takes longer to arrive is answered 408.
    requests:       ingest requests at once, those counted whose samples wait to be judged; one of
                    over 256 KiB counts as several, so that what lies in memory has a bound.
    requests_a_source: the share of one source, so that none locks out the others.
    """

    body_bytes: int = 4 << 20
    unpacked_bytes: int = 16 << 20
    body_seconds: float = 30.0
    requests: int = 64
    requests_a_source: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Who may come in, and by what; a reload swaps it whole.

    ingest_tokens: source name -> bearer token.
    open_sources:  sources without a token; they may send as long as only loopback is listened on,
                   and so may anybody where no source has a token.
    people_tokens: person -> bearer token of the JSON API.
    console_person: who speaks at the page; None: commands are refused there.
    body_bytes:    source name -> the largest body that it may send; none: that of `Limits`.
    heartbeat_tokens: heartbeat name -> its token; those without may call over loopback.
    mappings:      source name -> how its own JSON becomes alerts.
    boxes:         address in lower case -> what takes its mails.
    """

    ingest_tokens: Mapping[str, str] = field(default_factory=dict)
    open_sources: Sequence[str] = ()
    people_tokens: Mapping[str, str] = field(default_factory=dict)
    console_person: PersonId | None = None
    body_bytes: Mapping[str, int] = field(default_factory=dict)
    heartbeat_tokens: Mapping[str, str] = field(default_factory=dict)
    mappings: "Mapping[str, Mapped]" = field(default_factory=dict)
    boxes: "Mapping[str, Box]" = field(default_factory=dict)


class Done(Protocol):
    """What a reload did: `bot.reload.Reloaded`."""

    @property
    def text(self) -> str:
        """In sentences."""
        ...

    @property
    def waits(self) -> tuple[str, ...]:
        """Keys that changed and wait for a restart."""
        ...


class Reload(Protocol):
    """Reads configuration and rules anew; raises ConfigError: then nothing has changed."""

    async def __call__(self, *, actor: str, via: str) -> Done:
        """Reload for `actor`."""
        ...


def _yes() -> bool:
    return True


def _nothing_judged() -> JudgeStatus:
    return JudgeStatus(last_judged=None, late=(), groups=())


def _no_troubles() -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that the routes use.

    keys:          who may come in, and by what.
    listens_on:    the host name or address that the server is bound to.
    console:       None: no page is served; it is served on loopback only in any case.
    troubles:      what stands still (`/-/healthy` fails while there is any).
    not_ready:     what is not there yet or gone for now (`/-/ready` fails while there is any).
    metrics:       Tocsin's own metrics in Prometheus' text format.
    numbers:       answers queries that come over HTTP; None: what the desks ask does.
    takes_samples: False: no way in for samples is served, for nobody would look at them.
    judging:       the rules in force and how their judging is doing.
    reload:        what `POST /-/reload` does; None: there is no such route.
    is_accepting:  False while shutting down: ingest is answered 503.
    twilio:        what Twilio's requests reach; None: it cannot reach us.
    links:         reads the signed links of messages; None: no page answers them.
    hearing:       takes what other systems tell; None: there are no doors for them.
    heartbeats:    hears who is expected to call; None: nobody is.
    more_routes:   what a channel (Slack over HTTP) or a special run (the demo) adds.
    page_extras:   scripts of our own that the console page loads besides (the demo's).
    """

    intake: Intake
    desks: Desks
    metrics: Callable[[], bytes]
    keys: Current[Keys] = field(default_factory=lambda: Current(Keys()))
    listens_on: str = "127.0.0.1"
    console: "Console | None" = None
    numbers: Metrics | None = None
    takes_samples: bool = True
    judging: Callable[[], JudgeStatus] = _nothing_judged
    limits: Limits = field(default_factory=Limits)
    troubles: Callable[[], tuple[str, ...]] = _no_troubles
    not_ready: Callable[[], tuple[str, ...]] = _no_troubles
    reload: Reload | None = None
    is_accepting: Callable[[], bool] = _yes
    links: "AnswerLinks | None" = None
    hearing: "Hearing | None" = None
    twilio: "TwilioDoor | None" = None
    heartbeats: "Heartbeats | None" = None
    more_routes: Sequence[BaseRoute] = ()
    page_extras: Sequence[str] = ()
