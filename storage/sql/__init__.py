"""The incident database: SQLAlchemy Core, one module a table family; functions take `tx` first."""
