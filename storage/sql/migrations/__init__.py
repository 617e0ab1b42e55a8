"""alembic's environment. A version that was released is never changed again."""
