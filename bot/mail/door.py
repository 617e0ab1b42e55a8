"""The door for mails: 250 means that all they say is on disk. Loaded only where it is on."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import ip_address
from typing import Any, cast

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from bot.ingest.format import BadPayload
from bot.mail.box import Box, Ours, told, why_none
from bot.mail.read import Mail, read_mail
from bot.outbound import Network
from routing.flow.hear import Hearing
from storage.errors import BotError, StorageUnavailable
from storage.model.alert import Origin

log = structlog.get_logger(__name__)

PATIENCE = 60.0
"""Seconds that a client may be silent."""
LONGEST_VISIT = 600.0
"""Seconds after which a connection is cut, whatever it is doing: places are few."""
MOST_CLIENTS, MOST_TO, LONGEST_LINE = 50, 20, 100_000
DOOR = "mail"
BOUNCE = "<>"
"""The sender of what nobody answers; aiosmtpd takes an empty one for none."""
LATER = "451 4.3.0 cannot be kept now; send it again"
STRANGER = "554 5.7.1 this machine may not deliver here"
BUSY = "421 4.3.2 too many connections; come again"
LEAVING = "421 4.3.2 shutting down; send it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """What the door works with.

    boxes:     address in lower case -> what takes its mails, as the configuration says now.
    hosts:     networks whose machines may deliver; this machine always may.
    accepting: whether anything is still taken.  refused: counts (source, reason).
    """

    hearing: Hearing
    now: Callable[[], datetime]
    boxes: Callable[[], Mapping[str, Box]]
    accepting: Callable[[], bool]
    refused: Callable[[str, str], None]
    hosts: Sequence[Network] = ()
    ours: Ours = field(default_factory=Ours)


class Doorkeeper:
    """Answers the commands of one server's clients; aiosmtpd calls it by these names."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    async def handle_MAIL(  # noqa: N802 (aiosmtpd's name)
        self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Let a mail begin."""
        if not self._reception.accepting():
            return LEAVING
        envelope.mail_from = address or BOUNCE
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    def admits(self, host: str) -> bool:
        """Say whether this machine may deliver here."""
        address = ip_address(host.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or any(address in it for it in self._reception.hosts)

    async def handle_RCPT(  # noqa: N802
        self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take mails for known addresses from those who may write there."""
        box = self._reception.boxes().get(address.lower())
        if box is None:
            return "550 5.1.1 nobody has this address here"
        sender = envelope.mail_from or BOUNCE
        if sender != BOUNCE and not box.admits(sender):
            self._reception.refused(box.source, "forbidden")
            log.warning("mail refused", source=box.source, sender=sender[:200])
            return "550 5.7.1 this sender may not write here"
        if len(envelope.rcpt_tos) >= MOST_TO:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address.lower())
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep what a mail says, then answer."""
        if not self._reception.accepting():
            return LEAVING
        raw, sender = envelope.content, (envelope.mail_from or "").removeprefix(BOUNCE)
        assert isinstance(raw, bytes)
        try:
            mail = await asyncio.to_thread(read_mail, raw, sender)
            for address in dict.fromkeys(envelope.rcpt_tos):
                await self._take(mail, address)
        except BadPayload as error:
            log.warning("mail refused", sender=sender[:200], reason=str(error))
            return "554 5.6.0 this mail cannot be read"
        except StorageUnavailable:
            return LATER
        return "250 2.0.0 kept"

    async def _take(self, mail: Mail, address: str) -> None:
        here = self._reception
        box = here.boxes().get(address)
        if box is None:  # a reload took it away since
            raise StorageUnavailable(f"{address} is gone")
        if why := why_none(mail, here.ours):
            log.info("mail makes no alert", source=box.source, reason=why, id=mail.id)
            return
        arrived = await asyncio.to_thread(told, box, mail, address, here.now())
        by = Origin(door=DOOR)
        await here.hearing.alerts(
            box.source,
            [replace(alert, origin=by) for alert in arrived.alerts],
            {key: replace(alert, origin=by) for key, alert in arrived.keyed.items()},
            arrived.over,
        )

    async def handle_exception(self, error: Exception) -> str:
        """Answer what went wrong in here without saying how; the sender tries again."""
        if not isinstance(error, BotError):
            log.error("mail failed", exc_info=error)
        return LATER


class MailDoor:
    """Listens until it is closed."""

    def __init__(self, reception: Reception, *, hostname: str, max_size: int) -> None:
        self._keeper = Doorkeeper(reception)
        self._hostname, self._max_size = hostname, max_size
        self._clients: set[Client] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, *, require_tls: bool = False
    ) -> None:
        """Listen; raises OSError where nobody may there. port 0: the system chooses one."""

        def client() -> Client:
            return Client(
                self._clients,
                self._keeper,
                data_size_limit=self._max_size,
                enable_SMTPUTF8=True,
                hostname=self._hostname,
                ident="Tocsin",
                tls_context=tls,
                require_starttls=require_tls,
                timeout=PATIENCE,
                auth_exclude_mechanism=("LOGIN", "PLAIN"),
                loop=asyncio.get_running_loop(),
            )

        def refusal(host: str) -> str:
            if not self._keeper.admits(host):
                return STRANGER
            return BUSY if len(self._clients) >= MOST_CLIENTS else ""

        logging.getLogger("mail.log").setLevel(logging.WARNING)  # it tells of each command
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Porter(refusal, client), host, port
        )
        self.port = self._server.sockets[0].getsockname()[1]
        log.info("taking mails", address=f"{host}:{self.port}")

    async def close(self) -> None:
        """Listen no more; who is in the middle of a mail sends it again elsewhere or later."""
        if self._server is None:
            return
        self._server.close()
        left = [client.leave() for client in tuple(self._clients)]
        await asyncio.gather(*left, return_exceptions=True)
        await self._server.wait_closed()


class Client(SMTP):
    """One connection."""

    line_length_limit = LONGEST_LINE

    def __init__(self, clients: "set[Client]", keeper: Doorkeeper, **more: Any) -> None:
        super().__init__(keeper, **more)
        self._known_to = clients
        self.cut: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it; called again when it turns to TLS."""
        self._known_to.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Count it no more."""
        self._known_to.discard(self)
        if self.cut is not None:
            self.cut.cancel()
        super().connection_lost(error)

    async def leave(self) -> None:
        """Cut the connection, and wait until nothing of it is left."""
        if self.transport is not None:
            cast(asyncio.WriteTransport, self.transport).abort()
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
            await asyncio.wait([self._handler_coroutine])


class Porter(asyncio.Protocol):
    """Looks at who comes before anything is spent on them."""

    def __init__(self, refusal: Callable[[str], str], client: Callable[[], Client]) -> None:
        self._refusal, self._client = refusal, client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say why not, and close; or hand the connection over to a client of its own."""
        wire = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        peer = wire.get_extra_info("peername")
        host = str(peer[0]) if peer else "0.0.0.0"
        if said := self._refusal(host):
            log.warning("connection for mails refused", host=host, answer=said)
            wire.write(f"{said}\r\n".encode())
            wire.close()
            return
        client = self._client()
        wire.set_protocol(client)
        client.connection_made(wire)
        client.cut = asyncio.get_running_loop().call_later(LONGEST_VISIT, wire.abort)
