"""Phones: who texted STOP, and which numbers are confirmed; messages found by the provider's id."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Make the table. A number that an SMS provably reached before counts as confirmed."""
    op.create_table(
        "phones",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("stopped_at", MOMENT),
        sa.Column("verified_at", MOMENT),
        sa.Column("invited_at", MOMENT),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("code_ends_at", MOMENT),
        sa.Column("code_tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_outbox_provider", "outbox", ["provider_id"])
    op.execute(
        "INSERT INTO phones (number, verified_at, code, code_tries) "
        "SELECT address, max(sent_at), '', 0 FROM outbox "
        "WHERE channel = 'sms' AND status = 'delivered' AND person IS NOT NULL GROUP BY address"
    )
