"""The configuration: everything that can be set, with its default. Frozen; a reload makes another.

Durations are written `30s`, `5m`, `1h30m`, `7d`; sizes `512MiB`. `config.example.yaml` explains
each key to the people who write them.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.config.alerts import AlertsSection
from bot.config.channels import Opened
from bot.config.fields import (
    DatabaseAddress,
    Duration,
    Files,
    Folder,
    Listen,
    ListenAddress,
    MailAddress,
    PhoneNumber,
    PositiveDuration,
    RoomAddress,
    Size,
    Switch,
    TimeZone,
    Url,
)
from bot.config.heartbeats import HeartbeatRule
from bot.config.limits import SenderLimitsSection
from bot.config.lookups import LookupSection
from bot.config.mail import MailboxSection, MailSection
from bot.config.mapping import MappingSection
from bot.config.personal import PersonalRuleSection, QuietSection
from bot.config.remote import BasicSection, ForwardSection, MetricsSection
from bot.config.reports import ReportsSection
from bot.config.routes import RouteSection
from bot.config.scrape import ScrapeSection
from bot.config.secret import Secret, basic, shapes
from bot.config.services import ServiceSection
from storage.model.alert import Severity
from storage.model.person import Permission

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3_600, 86_400))
Text = Annotated[str, Field(min_length=1, max_length=200)]
Words = tuple[Text, ...]


class Section(BaseModel):
    """A mapping of the configuration; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class ApiToken(Section):
    """A bearer token for the commands and the API; who holds it speaks as `person`."""

    person: Text
    token: Secret


class Server(Section):
    """Where Tocsin listens. The environment's PORT replaces the port.

    public_url: how people reach it, for the links in messages that answer; none: no links.
    link_secret: signs links that answer; none: one that the first start makes and keeps.
    max_body:   larger request bodies are refused (bytes, as sent).
    max_unpacked: what a compressed body may unpack to (bytes).
    """

    listen: ListenAddress = Listen("127.0.0.1", 9099)
    public_url: Url | None = None
    link_secret: Secret | None = None
    tokens: tuple[ApiToken, ...] = ()
    max_body: Size = 4 * 1024**2
    max_unpacked: Size = 16 * 1024**2

    @property
    def called_at(self) -> str:
        """Where machines elsewhere reach it, without a slash at the end; empty: nowhere."""
        host = urlsplit(self.public_url or "").hostname or ""
        return (self.public_url or "").rstrip("/") if not Listen(host, 0).is_loopback else ""


class Samples(Section):
    """What the store of samples keeps, and what it refuses. `storage.series.options` explains.

    max_series_per_source: of a source without a limit of its own; none: half of `max_series`.
    """

    retention: PositiveDuration = 15 * DAY
    max_size: Size | None = None
    out_of_order: Duration = 5 * MINUTE
    too_old: Duration = HOUR
    future: Duration = 5 * MINUTE
    max_series: Annotated[int, Field(ge=1)] = 1_000_000
    max_series_per_source: Annotated[int, Field(ge=1)] | None = None
    max_labels: Annotated[int, Field(ge=1)] = 64
    max_label_bytes: Annotated[int, Field(ge=1)] = 4096


class Storage(Section):
    """Where things are kept.

    directory: samples, and the incident database unless `database` names another.
    database:  an SQLite path or a PostgreSQL address; the environment's DATABASE_URL wins.
    history:   resolved incidents are deleted after this.
    metrics:   who answers queries; our own store unless set.
    forward:   where samples are also sent; none: nowhere.
    """

    directory: Annotated[Folder, Field(validate_default=True)] = Path("data")
    database: DatabaseAddress | None = None
    history: PositiveDuration = 365 * DAY
    samples: Samples = Samples()
    metrics: MetricsSection = MetricsSection()
    forward: ForwardSection | None = None


class SourceSection(Section):
    """Somebody who sends samples, alerts or changes.

    mapping: how its own JSON becomes alerts, where it speaks no format that is known.
    mail:   an address that takes its mails; none: it sends none.
    limits: what it may send, so that one that runs wild leaves room for the others.
    token:  what it must show; needed as soon as more than loopback is listened on.
    expect: silence longer than this opens an incident of `severity`; none: it may be silent.
    """

    token: Secret | None = None
    expect: PositiveDuration | None = None
    severity: Severity = Severity.WARNING
    limits: SenderLimitsSection = SenderLimitsSection()
    mapping: MappingSection | None = None
    mail: MailboxSection | None = None


class OwnHost(Section):
    """Samples of the machine that Tocsin runs on."""

    enabled: Switch = True
    interval: PositiveDuration = 10 * SECOND


class PersonSection(Section):
    """Somebody who can be paged or may give commands.

    slack:     member id (profile > Copy member ID).  phone: E.164, for SMS and calls.
    email:     where mails go.
    addresses: channel name -> address, for any other channel.
    contacts:  channels in the order in which they are tried; none: chat first, then the others.
    timezone:  of the hours in `rules` and `quiet_hours`, unless they have their own.
    rules:     how the person is asked; the first that applies; none applies: by severity.
    """

    name: Text | None = None
    permission: Permission = Permission.RESPOND
    slack: Text | None = None
    phone: PhoneNumber | None = None
    email: MailAddress | None = None
    addresses: dict[Text, Text] = {}
    contacts: Words = ()
    timezone: TimeZone = "UTC"
    rules: tuple[PersonalRuleSection, ...] = ()
    quiet_hours: QuietSection | None = None

    def address(self, own_name: str, channel: str) -> str:
        """Return where this person is reached on a channel; empty: nowhere."""
        phone = self.phone
        known = {"slack": self.slack, "sms": phone, "voice": phone, "phone": phone}
        known["console"] = own_name
        known["email"] = self.email
        return self.addresses.get(channel) or known.get(channel) or ""


class Notify(Section):
    """Whom a step asks: a person, or whoever is on call on a list."""

    person: Text | None = None
    oncall: Text | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.person is None) == (self.oncall is None):
            raise ValueError("expected one of person and oncall, such as {oncall: primary}")
        return self


class StepSection(Section):
    """One step: `after` the step before, `repeat` more times `every` so long."""

    after: Duration = timedelta(0)
    notify: Annotated[tuple[Notify, ...], Field(min_length=1)]
    by: Words = ()
    repeat: Annotated[int, Field(ge=0, le=100)] = 0
    every: PositiveDuration = 5 * MINUTE


class PolicySection(Section):
    """How an incident reaches people; `storage.model.policy` explains the waits."""

    steps: Annotated[tuple[StepSection, ...], Field(min_length=1)]
    rooms: tuple[RoomAddress, ...] = ()
    group_wait: Duration = timedelta(0)
    group_interval: Duration = 5 * MINUTE
    ack_timeout: PositiveDuration = 4 * HOUR
    repeat_after: PositiveDuration = 15 * MINUTE
    repeat_interval: Duration = timedelta(0)
    reopen_within: Duration = 30 * MINUTE


class CapSection(Section):
    """So many messages in 24 hours, to one person and to all; none: without end."""

    person: Annotated[int, Field(ge=1)] | None = None
    total: Annotated[int, Field(ge=1)] | None = None


class Delivery(Section):
    """How messages go out.

    failover_after: a critical page unsent after this goes to the person's next channel.
    single, single_within: so many messages in so long ring one person by one channel one by one;
                    what follows is gathered into one. 0: never gathered.
    daily_cap:      channel name -> what may go by it in 24 hours.
    """

    failover_after: PositiveDuration = 60 * SECOND
    single: Annotated[int, Field(ge=0, le=1_000)] = 3
    single_within: PositiveDuration = MINUTE
    daily_cap: dict[Text, CapSection] = {}


class HeartbeatSection(Section):
    """An address that is called while all is well; whoever watches it notices when it stops."""

    url: Secret
    interval: PositiveDuration = MINUTE


class Console(Section):
    """The page in the browser; `person` is who speaks there."""

    enabled: Switch = False
    person: Text | None = None


class Commands(Section):
    """short_forms: `/ack` and the like beside `/tocsin ack`; a workspace shares command names."""

    short_forms: Switch = False


class Log(Section):
    """What is logged, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Config(Section):
    """All of it.

    oncall:     list name -> people, the first is on call, the others follow.
    severities: severity -> channel names (or `chat`) that a step without `by` uses.
    channels:   channel name -> its kind and options; read by `bot.config.read`.
    """

    server: Server = Server()
    storage: Storage = Storage()
    rules: tuple[Files, ...] = ()
    sources: dict[Text, SourceSection] = {}
    mail: MailSection | None = None
    scrape: tuple[ScrapeSection, ...] = ()
    own_host: OwnHost = OwnHost()
    people: dict[Text, PersonSection] = {}
    oncall: dict[Text, Words] = {}
    services: dict[Text, ServiceSection] = {}
    lookups: dict[Text, LookupSection] = {}
    policies: dict[Text, PolicySection] = {}
    default_policy: Text | None = None
    routes: tuple[RouteSection, ...] = ()
    alerts: AlertsSection = AlertsSection()
    severities: dict[Severity, Words] = {}
    channels: dict[str, Any] = {}
    delivery: Delivery = Delivery()
    heartbeat: HeartbeatSection | None = None
    heartbeats: dict[Text, HeartbeatRule] = {}
    console: Console = Console()
    reports: ReportsSection = ReportsSection()
    commands: Commands = Commands()
    log: Log = Log()

    @property
    def takes_samples(self) -> bool:
        """Whether samples that come in here are in any answer."""
        return self.storage.metrics.prometheus is None or self.storage.forward is not None

    @property
    def watches_host(self) -> bool:
        """Whether this machine's own samples are taken."""
        return self.own_host.enabled and self.takes_samples

    @property
    def rule_files(self) -> tuple[Path, ...]:
        """Every rule file, each once, in the order of `rules`."""
        return tuple(dict.fromkeys(path for found in self.rules for path in found))

    @property
    def opened(self) -> dict[str, Opened]:
        """Channel name -> its kind and options."""
        return dict(self.channels)

    @property
    def chat_channels(self) -> frozenset[str]:
        """Names of the opened channels that are chat."""
        return frozenset(name for name, opened in self.opened.items() if opened.kind.is_chat)

    @property
    def ringing_channels(self) -> frozenset[str]:
        """Names of the opened channels that may wake somebody."""
        kinds = {name: opened.kind for name, opened in self.opened.items()}
        return frozenset(n for n, kind in kinds.items() if kind.wakes and not kind.is_chat)

    def contacts(self, name: str) -> dict[str, str]:
        """Channel -> address of a person, in the order in which they are tried."""
        person = self.people[name]
        usual = sorted(self.channels, key=lambda channel: channel not in self.chat_channels)
        reached = {channel: person.address(name, channel) for channel in person.contacts or usual}
        return {channel: address for channel, address in reached.items() if address}

    def secrets(self) -> tuple[str, ...]:
        """Every secret in it, in each shape in which it could be told, to be struck out."""
        return tuple(dict.fromkeys(shape for it in _secrets(self) for shape in shapes(it)))


def _secrets(value: Any) -> list[str]:
    """Collect the secrets inside `value`, whatever holds them."""
    match value:
        case Secret():
            return [value.reveal()]
        case BasicSection():
            password = value.password.reveal()
            return [password, basic(value.user, password)]
        case BaseModel():
            return [s for name in type(value).model_fields for s in _secrets(getattr(value, name))]
        case Opened():
            return value.secrets()
        case dict():
            return [s for inner in value.values() for s in _secrets(inner)]
        case tuple():
            return [s for inner in value for s in _secrets(inner)]
        case _:
            return []
