"""Incidents that come and go, and groups that are told of new alerts after a while."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Add to incidents what is remembered of flapping, and of alerts that joined."""
    flaps = sa.Column("flaps", sa.Text(), nullable=False, server_default="")
    op.add_column("incidents", flaps)
    joined = sa.Column("joined", sa.Integer(), nullable=False, server_default="0")
    op.add_column("incidents", joined)
    op.add_column("incidents", sa.Column("updated_at", MOMENT))
