"""A look at who answers at an address: is the name known, does it listen, is its certificate good.

Nothing is asked over the connection: a call to a heartbeat or a webhook would mean something.
"""

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.outbound import Guard, host_of, resolve
from routing.finding import Finding, Group

PATIENCE = 8.0
EXPIRES_SOON = timedelta(days=14)


class Unreachable(Exception):
    """Nobody answers there; says why, and what to do."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.advice = advice


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Who answered. expires: of its certificate, aware UTC; None without TLS."""

    host: str
    expires: datetime | None = None

    @property
    def what(self) -> str:
        """Say it in words."""
        until = f", certificate until {self.expires:%Y-%m-%d}" if self.expires else ", no TLS"
        return f"{self.host} answers{until}"


async def greet(url: str, *, ca_file: Path | None = None, guard: Guard | None = None) -> Wire:
    """Connect to an http(s) address and hang up; raises Unreachable, which shows the host alone.

    guard: refuses addresses inside; it is asked about the very address that is connected to.
    """
    try:
        host, port = host_of(url)
    except ValueError as error:
        raise Unreachable("the address is none", str(error)) from None
    trust = ssl.create_default_context(cafile=ca_file) if url.startswith("https://") else None
    try:
        async with asyncio.timeout(PATIENCE):
            found = await resolve(host, port)
            if guard is not None:
                guard.check_all(host, found)
            return await _connect(host, found[0], port, trust)
    except Exception as error:
        raise _meant(error, host, port) from error


async def _connect(host: str, address: str, port: int, trust: ssl.SSLContext | None) -> Wire:
    name = host if trust else None
    _, writer = await asyncio.open_connection(address, port, ssl=trust, server_hostname=name)
    try:
        return Wire(host=host, expires=expiry(writer.get_extra_info("peercert")))
    finally:
        writer.transport.abort()


def expiry(certificate: dict[str, Any] | None) -> datetime | None:
    """Return until when a certificate, as Python tells one, is good; aware UTC."""
    until = (certificate or {}).get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC) if until else None


def aging(what: str, expires: datetime | None, now: datetime, group: Group) -> Iterator[Finding]:
    """Warn where a certificate ends soon. expires, now: aware UTC."""
    if expires is not None and expires - now < EXPIRES_SOON:
        days = max(0, (expires - now).days)
        yield group.warning(
            f"{what}: its certificate ends in {days} days, on {expires:%Y-%m-%d}",
            "let those who run it renew it; after that nothing is sent there",
        )


def _meant(error: Exception, host: str, port: int) -> Unreachable:
    """Say what a failed connection means."""
    import socket

    match error:
        case socket.gaierror():
            return Unreachable(f"nobody knows the name {host}", "correct it, or look at DNS here")
        case ssl.SSLCertVerificationError():
            reason = f"{host}: its certificate is not believed: {error.verify_message}"
            return Unreachable(reason, "let those who run it mend it, or name their `ca_file`")
        case ssl.SSLError():
            return Unreachable(f"{host}:{port} does not speak TLS", "look at scheme and port")
        case TimeoutError():
            reason = f"{host}:{port}: no answer in {PATIENCE:.0f} s"
            return Unreachable(reason, "look at firewalls between here and there")
        case ConnectionRefusedError():
            return Unreachable(f"{host}:{port}: nobody listens", "look whether it runs")
        case OSError():
            # A guard's refusal is one; it says which address and why.
            return Unreachable(f"{host}: {error.strerror or error}", "look at the way there")
    return Unreachable(
        f"{host}: cannot be reached ({type(error).__name__})", "look at the way there"
    )
