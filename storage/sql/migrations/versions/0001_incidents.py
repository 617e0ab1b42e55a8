"""The first schema: incidents, their alerts, timers, posts and messages, the audit, the rest."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
OPEN = sa.text("status != 'resolved'")
FIRING = sa.text("status = 'firing'")
WAITING = sa.text("status = 'waiting'")
SENT = sa.text("status = 'sent'")


def upgrade() -> None:
    """Make every table, and the triggers that keep the audit as it was written."""
    _audit()
    _incidents()
    _meta()
    _overrides()
    _rule_states()
    _seen()
    _alerts()
    _outbox()
    _posts()
    _timers()
    if op.get_bind().dialect.name == "postgresql":
        _append_only_on_postgresql()
    else:
        _append_only_on_sqlite()


def _append_only_on_sqlite() -> None:
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
        )


def _append_only_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("incident", NUMBER),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_incident", "audit", ["incident", "id"])


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("group_digest", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("firing", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("rung", sa.Text(), nullable=False),
        sa.Column("acknowledged_at", MOMENT),
        sa.Column("snoozed_until", MOMENT),
        sa.Column("resolved_at", MOMENT),
        sa.Column("resolved_by", sa.Text()),
        sa.Column("cleared_at", MOMENT),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("no_data_since", MOMENT),
        sa.Column("undelivered", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incidents_group", "incidents", ["group_digest", "id"])
    op.create_index(
        "ix_incidents_open", "incidents", ["status"], sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index("ix_incidents_opened_at", "incidents", ["opened_at"])
    op.create_index(
        "ux_incidents_open_group",
        "incidents",
        ["group_digest"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def _overrides() -> None:
    op.create_table(
        "overrides",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("oncall", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_overrides_ends_at", "overrides", ["ends_at"])


def _rule_states() -> None:
    op.create_table(
        "rule_states",
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "fingerprint"),
    )


def _seen() -> None:
    op.create_table(
        "seen",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_seen_at", "seen", ["at"])


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("incident", NUMBER, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("annotations", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT),
        sa.Column("value", sa.Text()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("no_data_since", MOMENT),
        sa.Column("sampled", sa.Double()),
        sa.Column("stored", sa.Double()),
        sa.Column("judged", sa.Double()),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("incident", "fingerprint"),
    )
    op.create_index("ix_alerts_fingerprint", "alerts", ["fingerprint", "incident"])
    op.create_index(
        "ix_alerts_firing", "alerts", ["incident"], sqlite_where=FIRING, postgresql_where=FIRING
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("incident", NUMBER),
        sa.Column("person", sa.Text()),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("waiting_since", sa.Double(), nullable=False),
        sa.Column("not_before", sa.Double(), nullable=False),
        sa.Column("deadline", sa.Double()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("doubted", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("leased_by", sa.Text()),
        sa.Column("leased_until", sa.Double()),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_counts", "outbox", ["purpose", "status"])
    op.create_index(
        "ix_outbox_deadline", "outbox", ["deadline"], sqlite_where=WAITING, postgresql_where=WAITING
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["urgency", "not_before"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_index("ix_outbox_incident", "outbox", ["incident", "round", "step"])
    op.create_index(
        "ix_outbox_sent", "outbox", ["sent_at"], sqlite_where=SENT, postgresql_where=SENT
    )
    op.create_index("ux_outbox_key", "outbox", ["key"], unique=True)


def _posts() -> None:
    op.create_table(
        "posts",
        sa.Column("incident", NUMBER, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("told", NUMBER, nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("incident", "channel", "address"),
    )
    op.create_index("ix_posts_message", "posts", ["channel", "address", "message_id"])


def _timers() -> None:
    op.create_table(
        "timers",
        sa.Column("incident", NUMBER, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("leased_by", sa.Text()),
        sa.Column("leased_until", sa.Double()),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("incident", "kind"),
    )
    op.create_index("ix_timers_due_at", "timers", ["due_at"])
