"""The tables, and nothing else. What is steady (see `storage.clock`) is a double float."""

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    literal_column,
)

from storage.model.alert import AlertStatus, Category, Severity
from storage.model.delivery import DeliveryStatus, Purpose
from storage.model.incident import Status, Verdict
from storage.model.silence import SilenceKind
from storage.model.timer import TimerKind
from storage.sql.columns import (
    FlapsText,
    FloatText,
    LabelsText,
    MatchersText,
    MutesText,
    Number,
    PlainText,
    PolicyText,
    UtcDateTime,
    WordsText,
    enum_text,
)

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", PlainText, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Number, primary_key=True),
    Column("group", PlainText, nullable=False),
    Column("group_digest", Text, nullable=False),  # a group's text is too long for an index
    Column("title", PlainText, nullable=False),
    Column("severity", enum_text(Severity), nullable=False),
    Column("category", enum_text(Category), nullable=False),
    Column("status", enum_text(Status), nullable=False),
    Column("policy", PolicyText, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("round", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("owner", PlainText),
    Column("firing", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("rung", WordsText, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("snoozed_until", UtcDateTime),
    Column("resolved_at", UtcDateTime),
    Column("resolved_by", PlainText),
    Column("cleared_at", UtcDateTime),
    Column("quiet", Boolean, nullable=False),
    Column("no_data_since", UtcDateTime),
    Column("undelivered", Boolean, nullable=False),
    Column("muted", PlainText, nullable=False),
    Column("flaps", FlapsText, nullable=False),
    Column("joined", Integer, nullable=False),
    Column("updated_at", UtcDateTime),
    Column("verdict", enum_text(Verdict)),
    Column("verdict_by", PlainText),
    Column("verdict_at", UtcDateTime),
    Column("version", Integer, nullable=False),
    sqlite_autoincrement=True,  # a number is never given twice, whatever is deleted
)

# Conditions of partial indexes stand as literals: with a parameter the planner cannot use them.
# They hold on PostgreSQL too, where the migrations make these indexes with `postgresql_where`;
# that word would import its dialect here, 2 MiB, for those who use SQLite.
OPEN = incidents.c.status != literal_column("'resolved'")

Index("ix_incidents_group", incidents.c.group_digest, incidents.c.id)
Index("ix_incidents_opened_at", incidents.c.opened_at)
Index(
    "ux_incidents_open_group",  # two writers never open two incidents for one group
    incidents.c.group_digest,
    unique=True,
    sqlite_where=OPEN,
)
Index("ix_incidents_open", incidents.c.status, sqlite_where=OPEN)


def _of_incident(*, primary_key: bool = False, nullable: bool = False) -> Column[int]:
    incident = ForeignKey("incidents.id", ondelete="CASCADE")
    return Column("incident", Number, incident, primary_key=primary_key, nullable=nullable)


alerts = Table(
    "alerts",
    metadata,
    _of_incident(primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("labels", LabelsText, nullable=False),
    Column("annotations", LabelsText, nullable=False),
    Column("status", enum_text(AlertStatus), nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime),
    Column("value", FloatText),
    Column("source", PlainText, nullable=False),
    Column("no_data_since", UtcDateTime),
    Column("generator_url", PlainText, nullable=False),
    Column("muted", PlainText, nullable=False),
    Column("sampled", Double),
    Column("stored", Double),
    Column("judged", Double),
    Column("trail", PlainText, nullable=False),
    Column("rank", Integer, nullable=False),  # these three are read from the labels
    Column("category", enum_text(Category), nullable=False),
    Column("name", PlainText, nullable=False),
)

FIRING = alerts.c.status == literal_column("'firing'")

Index("ix_alerts_fingerprint", alerts.c.fingerprint, alerts.c.incident)
Index("ix_alerts_firing", alerts.c.incident, sqlite_where=FIRING)
_urgency = (alerts.c.incident, alerts.c.status, alerts.c.rank, alerts.c.starts_at)
Index("ix_alerts_urgent", *_urgency)

# Every alert that any source told, heard or not; `alerts` has those that incidents were told of.
standing = Table(
    "standing",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("labels", LabelsText, nullable=False),
    Column("annotations", LabelsText, nullable=False),
    Column("status", enum_text(AlertStatus), nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime),
    Column("value", FloatText),
    Column("source", PlainText, nullable=False),
    Column("no_data_since", UtcDateTime),
    Column("generator_url", PlainText, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("dated", Boolean, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("expires", Double),
    Column("expired", Boolean, nullable=False),
    Column("mutes", MutesText, nullable=False),
    Column("waiting", WordsText, nullable=False),
    Column("trail", PlainText, nullable=False),
)

STANDS = standing.c.status == literal_column("'firing'")

Index("ix_standing_firing", standing.c.fingerprint, sqlite_where=STANDS)
Index("ix_standing_expires", standing.c.expires, sqlite_where=STANDS)
Index("ix_standing_ends_at", standing.c.ends_at)

inhibitions = Table(
    "inhibitions",
    metadata,
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("source", Boolean, nullable=False),
    Column("target", Boolean, nullable=False),
)

Index("ix_inhibitions_fingerprint", inhibitions.c.fingerprint)

silences = Table(
    "silences",
    metadata,
    Column("id", Number, primary_key=True),
    Column("uuid", Text, nullable=False),
    Column("kind", enum_text(SilenceKind), nullable=False),
    Column("matchers", MatchersText, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime),
    Column("created_by", PlainText, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("comment", PlainText, nullable=False),
    Column("until_resolved", Boolean, nullable=False),
    Column("rule", PlainText, nullable=False),
    Column("zone", PlainText, nullable=False),
    Column("lasts", Double),  # seconds
    sqlite_autoincrement=True,
)

Index("ux_silences_uuid", silences.c.uuid, unique=True)
Index("ix_silences_ends_at", silences.c.ends_at)

# The alerts for whose end a silence "until resolved" still waits.
silence_covers = Table(
    "silence_covers",
    metadata,
    Column("silence", Number, ForeignKey("silences.id", ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", Text, primary_key=True),
)

Index("ix_silence_covers_fingerprint", silence_covers.c.fingerprint)

timers = Table(
    "timers",
    metadata,
    _of_incident(primary_key=True),
    Column("kind", enum_text(TimerKind), primary_key=True),
    Column("due_at", Double, nullable=False),
    Column("round", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("leased_by", Text),
    Column("leased_until", Double),
)

Index("ix_timers_due_at", timers.c.due_at)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Number, primary_key=True),
    Column("key", PlainText, nullable=False),
    Column("purpose", enum_text(Purpose), nullable=False),
    Column("severity", enum_text(Severity), nullable=False),
    Column("urgency", Integer, nullable=False),  # severity, then purpose; 0 goes first
    _of_incident(nullable=True),
    Column("person", PlainText),
    Column("round", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("channel", PlainText, nullable=False),
    Column("address", PlainText, nullable=False),
    Column("body", PlainText, nullable=False),
    Column("waiting_since", Double, nullable=False),  # first wanted then, whatever back-off says
    Column("not_before", Double, nullable=False),
    Column("deadline", Double),
    Column("status", enum_text(DeliveryStatus), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("doubted", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("claim", Integer, nullable=False),
    Column("leased_by", Text),
    Column("leased_until", Double),
    Column("provider_id", PlainText, nullable=False),
    Column("error", PlainText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    sqlite_autoincrement=True,
)

WAITING = outbox.c.status == literal_column("'waiting'")
SENT = outbox.c.status == literal_column("'sent'")

Index("ux_outbox_key", outbox.c.key, unique=True)
Index(
    "ix_outbox_due",
    outbox.c.urgency,
    outbox.c.not_before,
    sqlite_where=WAITING,
)
Index("ix_outbox_deadline", outbox.c.deadline, sqlite_where=WAITING)
Index("ix_outbox_incident", outbox.c.incident, outbox.c.round, outbox.c.step)
Index("ix_outbox_sent", outbox.c.sent_at, sqlite_where=SENT)
Index("ix_outbox_provider", outbox.c.provider_id)
Index("ix_outbox_counts", outbox.c.purpose, outbox.c.status)  # status first would win over `due`

posts = Table(
    "posts",
    metadata,
    _of_incident(primary_key=True),
    Column("channel", PlainText, primary_key=True),
    Column("address", PlainText, primary_key=True),
    Column("message_id", PlainText, nullable=False),
    Column("told", Number, nullable=False),
    Column("asked", WordsText, nullable=False),
)

Index("ix_posts_message", posts.c.channel, posts.c.address, posts.c.message_id)

# No foreign key: the record outlives its incident. Triggers refuse UPDATE and DELETE.
audit = Table(
    "audit",
    metadata,
    Column("id", Number, primary_key=True),
    Column("incident", Number),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", PlainText, nullable=False),
    Column("via", PlainText, nullable=False),
    Column("what", PlainText, nullable=False),
    Column("because", PlainText, nullable=False),
    sqlite_autoincrement=True,
)

Index("ix_audit_incident", audit.c.incident, audit.c.id)
Index("ix_audit_at", audit.c.at)

rule_states = Table(
    "rule_states",
    metadata,
    Column("rule", PlainText, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("state", PlainText, nullable=False),
)

overrides = Table(
    "overrides",
    metadata,
    Column("id", Number, primary_key=True),
    Column("oncall", PlainText, nullable=False),
    Column("person", PlainText, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("made_by", PlainText, nullable=False),
)

Index("ix_overrides_ends_at", overrides.c.ends_at)

seen = Table(
    "seen",
    metadata,
    Column("key", PlainText, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

Index("ix_seen_at", seen.c.at)

keyed = Table(
    "keyed",
    metadata,
    Column("source", PlainText, primary_key=True),
    Column("key", PlainText, primary_key=True),
    Column("labels", LabelsText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

Index("ix_keyed_at", keyed.c.at)

changes = Table(
    "changes",
    metadata,
    Column("source", PlainText, primary_key=True),
    Column("key", PlainText, primary_key=True),
    Column("service", PlainText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("version", PlainText, nullable=False),
    Column("environment", PlainText, nullable=False),
    Column("outcome", PlainText, nullable=False),
    Column("summary", PlainText, nullable=False),
    Column("by", PlainText, nullable=False),
    Column("link", PlainText, nullable=False),
)

Index("ix_changes_service", changes.c.service, changes.c.at)
Index("ix_changes_at", changes.c.at)

phones = Table(
    "phones",
    metadata,
    Column("number", PlainText, primary_key=True),
    Column("stopped_at", UtcDateTime),
    Column("verified_at", UtcDateTime),
    Column("invited_at", UtcDateTime),
    Column("code", PlainText, nullable=False),
    Column("code_ends_at", UtcDateTime),
    Column("code_tries", Integer, nullable=False),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", PlainText, primary_key=True),
    Column("since", Double, nullable=False),
    Column("since_at", UtcDateTime, nullable=False),
    Column("heard", Double),
    Column("heard_at", UtcDateTime),
    Column("failed", Boolean, nullable=False),
    Column("said", PlainText, nullable=False),
    Column("alarmed", LabelsText, nullable=False),
)
