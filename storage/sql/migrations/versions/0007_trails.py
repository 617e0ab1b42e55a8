"""What was decided about each alert on its way, as it was then."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Give alerts a trail, where they stand and where incidents were told of them."""
    for table in ("standing", "alerts"):
        trail = sa.Column("trail", sa.Text(), nullable=False, server_default="")
        op.add_column(table, trail)
