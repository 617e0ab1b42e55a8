"""What libraries import for others and a pager never uses: left out before it is loaded.

An idle Tocsin has to fit beside what it watches. Each of these saves some MiB; where a library
changes so that it does need them, they are simply loaded.
"""

import sys
from importlib import import_module
from types import ModuleType

UNWANTED = ("rich", "watchfiles")
"""rich by structlog for coloured tracebacks, watchfiles by uvicorn for reloading; 4 MiB."""

SESSIONS = {
    "sqlalchemy.ext.asyncio.scoping": ("async_scoped_session",),
    "sqlalchemy.ext.asyncio.session": (
        "AsyncAttrs",
        "AsyncSession",
        "AsyncSessionTransaction",
        "async_object_session",
        "async_session",
        "async_sessionmaker",
        "close_all_sessions",
    ),
}
"""SQLAlchemy's asynchronous engine imports the sessions of its ORM beside it; with them comes
the whole ORM, 6 MiB, of which statements in Core use nothing. Module -> names that are taken."""


def leave_out() -> None:
    """Keep all of it out of this process; for the start of `tocsin serve`, before other imports."""
    for name in UNWANTED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    if "sqlalchemy.ext.asyncio" in sys.modules:
        return
    for name, taken in SESSIONS.items():
        empty = ModuleType(name, "Left out: see bot.lean.")
        for each in taken:
            setattr(empty, each, None)
        sys.modules[name] = empty
    try:
        import_module("sqlalchemy.ext.asyncio")
    except ImportError:
        # Another version takes other names: then it gets all that it wants.
        for name in (*SESSIONS, "sqlalchemy.ext.asyncio"):
            sys.modules.pop(name, None)
