"""A PostgreSQL server: how it is addressed and connected to."""

import os
import socket
from importlib.util import find_spec

from sqlalchemy import URL, NullPool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage.errors import ConfigError

CONNECT_TIMEOUT = 5.0  # seconds
STATEMENT_TIMEOUT = 15.0  # seconds, measured here, so that a server that hangs is noticed


def address(url: URL) -> URL:
    """Return the address as the driver wants it; libpq's `sslmode` is called `ssl` there."""
    if find_spec("asyncpg") is None:
        raise ConfigError("PostgreSQL needs a driver: pip install 'tocsin[postgresql]'")
    query = dict(url.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return url.set(drivername="postgresql+asyncpg", query=query)


def name(url: URL) -> str:
    """Name the database without the password and whatever else the address may hold."""
    host = url.host or url.query.get("host") or "localhost"
    return f"postgresql://{host}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def pool(url: URL, size: int) -> AsyncEngine:
    """Open a pool of connections; each is tried before it is used."""
    return create_async_engine(
        url,
        connect_args=_arguments(),
        pool_size=size,
        max_overflow=size,
        pool_timeout=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
    )


def alone(url: URL) -> AsyncEngine:
    """Open single connections outside the pool, without transactions."""
    return create_async_engine(
        url,
        connect_args=_arguments(),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )


def _arguments() -> dict[str, object]:
    who = f"tocsin on {socket.gethostname()}, process {os.getpid()}"
    return {
        "timeout": CONNECT_TIMEOUT,
        "command_timeout": STATEMENT_TIMEOUT,
        "server_settings": {"application_name": who[:63]},
    }
