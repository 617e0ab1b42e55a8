"""Runs the steps on the connection, and inside the transaction, that `storage.sql.migrate` gives.

A new step: `tocsin migrate` a scratch database, then compare with `storage.sql.schema`:
tests/storage/sql/test_migrate.py says what differs.
"""

from alembic import context

from storage.sql import schema_reports  # noqa: F401  its tables stand in the same metadata
from storage.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
