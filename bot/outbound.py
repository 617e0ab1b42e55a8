"""Addresses that we call for others: none inside the own network, unless it was allowed.

A webhook's address is written by whoever asks for the webhook; without this it would let them
reach what only this machine can reach: a database, a neighbour, the cloud's metadata.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port -> addresses; raises OSError where there are none."""

INSIDE: tuple[Network, ...] = (
    ip_network("168.63.129.16/32"),  # Azure's wire server answers from a public address
    ip_network("192.0.0.0/24"),  # Oracle's metadata; not every Python counts it as private
    ip_network("64:ff9b:1::/48"),  # IPv4 behind a translation of one's own
)
NAT64 = ip_network("64:ff9b::/96")


class Forbidden(OSError):
    """The address must not be called. Says which one and why."""


def read_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read `10.0.0.0/8`, `192.168.1.7`, `fd00::/8`; raises ValueError naming the wrong one."""
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text.strip()))
        except ValueError as error:
            expected = "expected a network such as 10.0.0.0/8, or one address"
            raise ValueError(f"found {text[:60]!r}; {expected} ({error})") from error
    return tuple(networks)


@dataclass(frozen=True, slots=True)
class Guard:
    """Says which addresses may be called. allowed: networks that may, although they are inside."""

    allowed: tuple[Network, ...] = ()

    def check(self, text: str) -> None:
        """Raise Forbidden where this numeric address must not be called."""
        address = ip_address(text.partition("%")[0])
        # An inner IPv4 address is what is reached in the end; it is judged as well.
        outer = () if address in NAT64 else (address,)
        for one in (*outer, *_inner(address)):
            if not any(one in network for network in self.allowed) and _is_inside(one):
                raise Forbidden(f"{address}, which is {_kind(one)}")

    def check_all(self, host: str, addresses: Sequence[str]) -> None:
        """Raise Forbidden where one of a host's addresses must not be called."""
        for address in addresses:
            try:
                self.check(address)
            except Forbidden as refusal:
                name = f"{host} leads to " if host != address else ""
                raise Forbidden(f"{name}{refusal}") from None


def _is_inside(address: Address) -> bool:
    return (
        not address.is_global
        or address.is_multicast
        or address.is_reserved
        or any(address in network for network in INSIDE)
    )


def _inner(address: Address) -> list[Address]:
    """Return the IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return []
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour]
    found += list(address.teredo or ())
    if address in NAT64:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]


def _kind(address: Address) -> str:
    if address.is_loopback:
        return "this machine itself"
    if address.is_link_local or any(address in network for network in INSIDE):
        return "link-local, where clouds keep their secrets"
    return "private" if address.is_private else "not a public address"


async def resolve(host: str, port: int) -> list[str]:
    """Return every address of a host, as the system knows them."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class Resolver(AbstractResolver):
    """Resolves for aiohttp: it connects to the very addresses that were checked here."""

    def __init__(self, guard: Guard, ask: Resolve = resolve) -> None:
        self._guard, self._ask = guard, ask

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the host's addresses; raises Forbidden where one of them is inside."""
        addresses = await self._ask(host, port)
        self._guard.check_all(host, addresses)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
            if family in (socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET)
        ]

    async def close(self) -> None:
        """Let go of nothing."""


def look_up(host: str, port: int, patience: float = 2.0) -> list[str]:
    """Return what a host's name leads to now; nothing where nobody knows, or not in time.

    For checks of what people write: it waits for `patience` seconds and no longer.
    """
    found: list[str] = []

    def ask() -> None:
        with suppress(OSError, UnicodeError):
            asked = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(info[4][0]) for info in asked))

    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(patience)
    return list(found)


def guarded_socket(guard: Guard) -> Callable[[Any], socket.socket]:
    """Return what makes aiohttp's sockets: none to an address inside, however it got there.

    An address written as a number is resolved by nobody, so this is where it is checked.
    """

    def make(info: Any) -> socket.socket:
        family, kind, protocol, _, place = info
        guard.check(str(place[0]))
        return socket.socket(family, kind, protocol)

    return make


def host_of(url: str) -> tuple[str, int]:
    """Return host and port of an http(s) address; raises ValueError that does not show it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https") or any(char.isspace() for char in url):
        raise ValueError("expected an http or https address such as https://hooks.example.com/x")
    return host, port or (443 if parts.scheme == "https" else 80)
