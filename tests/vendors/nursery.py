"""Where vendors are born: a process that has imported them all, of which each one is a fork.

It lives as long as whoever called `nursery()`, and starts a vendor at once where a new Python
would first import for half a second.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
VENDORS = ("slack", "twilio")
LONGEST = 4096
"""Bytes of an order."""


class Nursery:
    """The process, as a test sees it."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.vendors.nursery"], stdin=theirs.fileno(), cwd=ROOT
            )

    def born(self, vendor: str, *options: str) -> socket.socket:
        """Return the standard input and output of a new vendor; it ends when they are closed."""
        ours, theirs = socket.socketpair()
        with theirs:
            order = json.dumps([vendor, *options]).encode()
            socket.send_fds(self._control, [order], [theirs.fileno()])
        return ours

    def close(self) -> None:
        """End it; vendors that still live are let live."""
        self._control.close()
        self._process.wait()


_there: list[Nursery] = []


def nursery() -> Nursery:
    """Return the one of this process."""
    if not _there:
        _there.append(Nursery())
        atexit.register(_there[0].close)
    return _there[0]


def main() -> None:
    """Take orders until nobody is there to give one."""
    for vendor in VENDORS:
        import_module(f"tests.vendors.{vendor}")
        import_module(f"tests.vendors.{vendor}_desk")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # none of them is waited for
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever called ends, and so do we
    control = socket.socket(fileno=os.dup(0))
    while True:
        order, wires, _, _ = socket.recv_fds(control, LONGEST, 1)
        if not order:
            return
        (wire,) = wires
        if os.fork() == 0:
            control.close()
            _live(wire, json.loads(order))
        os.close(wire)


def _live(wire: int, order: list[str]) -> None:
    """Be a vendor, and end."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(wire, 0)
        os.dup2(wire, 1)
        os.close(wire)
        vendor, *options = order
        sys.argv = [f"tests.vendors.{vendor}", "--until-eof", *options]
        import_module(f"tests.vendors.{vendor}").serve()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
