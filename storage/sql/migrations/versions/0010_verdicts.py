"""What an alarm was worth, said by people once it is over."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Give incidents a verdict: what, by whom, when."""
    op.add_column("incidents", sa.Column("verdict", sa.Text()))
    op.add_column("incidents", sa.Column("verdict_by", sa.Text()))
    op.add_column("incidents", sa.Column("verdict_at", MOMENT))
