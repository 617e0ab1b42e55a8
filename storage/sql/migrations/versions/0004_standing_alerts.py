"""Alerts as such, silences and maintenance windows, and who keeps an incident quiet."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
FIRING = sa.text("status = 'firing'")
KNOWN = "fingerprint, labels, annotations, status, starts_at, ends_at, value, source, no_data_since"


def upgrade() -> None:
    """Make the tables, and let every alert that fires in an incident stand."""
    for table in ("incidents", "alerts"):
        column = sa.Column("muted", sa.Text(), nullable=False, server_default="")
        op.add_column(table, column)
    url = sa.Column("generator_url", sa.Text(), nullable=False, server_default="")
    op.add_column("alerts", url)
    _standing()
    _silences()
    # The newest word on each alert that fires, from the newest incident that it belongs to.
    op.execute(
        f"INSERT INTO standing ({KNOWN}, "
        "generator_url, dated, updated_at, expired, mutes, waiting) "
        f"SELECT {KNOWN}, '', {_false()}, starts_at, {_false()}, '[]', '[]' FROM alerts AS a "
        "WHERE status = 'firing' AND incident = (SELECT max(incident) FROM alerts AS newest "
        "WHERE newest.fingerprint = a.fingerprint AND newest.status = 'firing')"
    )


def _false() -> str:
    return "false" if op.get_bind().dialect.name == "postgresql" else "0"


def _standing() -> None:
    op.create_table(
        "standing",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("annotations", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT),
        sa.Column("value", sa.Text()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("no_data_since", MOMENT),
        sa.Column("generator_url", sa.Text(), nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("dated", sa.Boolean(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("expires", sa.Double()),
        sa.Column("expired", sa.Boolean(), nullable=False),
        sa.Column("mutes", sa.Text(), nullable=False),
        sa.Column("waiting", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint"),
    )
    for name, column in (("firing", "fingerprint"), ("expires", "expires")):
        op.create_index(
            f"ix_standing_{name}",
            "standing",
            [column],
            sqlite_where=FIRING,
            postgresql_where=FIRING,
        )
    op.create_index("ix_standing_ends_at", "standing", ["ends_at"])
    op.create_table(
        "inhibitions",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("source", sa.Boolean(), nullable=False),
        sa.Column("target", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", "fingerprint"),
    )
    op.create_index("ix_inhibitions_fingerprint", "inhibitions", ["fingerprint"])


def _silences() -> None:
    op.create_table(
        "silences",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("matchers", sa.Text(), nullable=False),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("until_resolved", sa.Boolean(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("lasts", sa.Double()),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ux_silences_uuid", "silences", ["uuid"], unique=True)
    op.create_index("ix_silences_ends_at", "silences", ["ends_at"])
    op.create_table(
        "silence_covers",
        sa.Column("silence", NUMBER, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["silence"], ["silences.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("silence", "fingerprint"),
    )
    op.create_index("ix_silence_covers_fingerprint", "silence_covers", ["fingerprint"])
