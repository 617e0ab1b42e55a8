"""One process owns a store: the lock on its directory."""

import fcntl
import os
import socket
from pathlib import Path

from storage.errors import ConfigError


class DirectoryLock:
    """Held from construction to `release`; the system lets go of it when the process dies.

    Raises ConfigError, saying who holds it.
    """

    def __init__(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(directory / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise ConfigError(
                f"{directory}: cannot keep samples here: {error.strerror}; "
                "name a directory that Tocsin may write to"
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._handle, 200, 0).decode(errors="replace").strip()
            os.close(self._handle)
            raise ConfigError(
                f"{directory}: in use by {holder or 'another process'}; "
                "stop that one, or name another directory"
            ) from error
        try:
            os.ftruncate(self._handle, 0)
            os.pwrite(
                self._handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0
            )
        except OSError:
            pass  # a full disk: the lock holds all the same, only its holder stays unnamed

    def release(self) -> None:
        """Let another process open the store."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
