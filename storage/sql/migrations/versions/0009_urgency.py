"""What sums an incident's alerts up stands beside them: severity, category and name."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

RANKS = {"critical": 0, "warning": 1, "informational": 2, "info": 2, "predictive": 3}
CATEGORIES = ("degradation", "capacity", "errors", "availability")
AT_ONCE = 1_000

alerts = sa.table(
    "alerts",
    sa.column("incident", sa.BigInteger),
    sa.column("fingerprint", sa.Text),
    sa.column("labels", sa.Text),
    sa.column("rank", sa.Integer),
    sa.column("category", sa.Text),
    sa.column("name", sa.Text),
)


def upgrade() -> None:
    """Add the columns, fill them from the labels, and make the index."""
    for column in (
        sa.Column("rank", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("category", sa.Text(), nullable=False, server_default="degradation"),
        sa.Column("name", sa.Text(), nullable=False, server_default=""),
    ):
        op.add_column("alerts", column)
    _fill()
    op.create_index("ix_alerts_urgent", "alerts", ["incident", "status", "rank", "starts_at"])


def _fill() -> None:
    bind, last = op.get_bind(), (0, "")
    key = sa.tuple_(alerts.c.incident, alerts.c.fingerprint)
    page = sa.select(alerts.c.incident, alerts.c.fingerprint, alerts.c.labels)
    page = page.order_by(alerts.c.incident, alerts.c.fingerprint).limit(AT_ONCE)
    change = sa.update(alerts).where(
        alerts.c.incident == sa.bindparam("of"), alerts.c.fingerprint == sa.bindparam("key")
    )
    change = change.values(
        rank=sa.bindparam("new_rank"),
        category=sa.bindparam("new_category"),
        name=sa.bindparam("new_name"),
    )
    while rows := bind.execute(page.where(key > sa.tuple_(*last))).all():
        bind.execute(change, [_read(*row) for row in rows])
        last = (rows[-1].incident, rows[-1].fingerprint)


def _read(incident: int, fingerprint: str, written: str) -> dict[str, Any]:
    labels = json.loads(written)
    severity = labels.get("severity", "").strip().lower()
    category = labels.get("category", "").strip().lower()
    name = labels.get("alertname", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return {
        "of": incident,
        "key": fingerprint,
        "new_rank": RANKS.get(severity, 1),
        "new_category": category if category in CATEGORIES else CATEGORIES[0],
        "new_name": name.replace("\0", "\N{REPLACEMENT CHARACTER}"),
    }
