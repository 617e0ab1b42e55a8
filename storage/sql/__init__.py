"""The incident database: SQLAlchemy Core, one module a table family.

Repository functions take the transaction (`tx`) first, speak model types, and never commit.
"""
