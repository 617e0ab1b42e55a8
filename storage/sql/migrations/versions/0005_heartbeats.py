"""When who last called who is expected to."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Make the table of heartbeats."""
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("since_at", MOMENT, nullable=False),
        sa.Column("heard", sa.Double()),
        sa.Column("heard_at", MOMENT),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("alarmed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
