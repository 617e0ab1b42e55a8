"""A mail relay on 127.0.0.1: TLS of either kind, logins, and whatever a relay may refuse."""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.vendors.loopback import Pulse

DROP = "drop"
"""Instead of an answer: the connection is cut."""
SLOW = "slow"
"""Instead of an answer: nothing, for longer than anybody waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A mail that the relay took. safe: over TLS.  user: who had logged in."""

    sender: str
    to: tuple[str, ...]
    raw: bytes
    safe: bool
    user: str

    @property
    def mail(self) -> EmailMessage:
        found = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    def text(self) -> str:
        return self._part("plain")

    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.mail.get_body((kind,))
        assert part is not None
        content = part.get_content()
        assert isinstance(content, str)
        return content.replace("\r\n", "\n")


@dataclass(kw_only=True)
class Relay:
    """What it does: `answers` holds, for each command, what the next ones are answered.

    An answer is a reply (`451 later`), DROP, SLOW, or None for the usual. For DATA it is given
    after the mail was taken where `took` names it, else instead of taking it.
    """

    tls: ssl.SSLContext | None = None
    implicit: bool = False
    user: str = ""
    password: str = ""
    limit: int = 1 << 20
    taken: list[Taken] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[str, deque[str | None]] = field(default_factory=dict)
    takes_anyway: bool = False
    connections: int = 0
    heard: list[bytes] = field(default_factory=list)
    pulse: Pulse = field(default_factory=Pulse)
    _open: set[Any] = field(default_factory=set)
    _server: asyncio.Server | None = None
    port: int = 0

    def next(self, command: str, *answers: str | None) -> None:
        """Say how the next such commands are answered."""
        self.answers.setdefault(command, deque()).extend(answers)

    async def up(self) -> None:
        loop = asyncio.get_running_loop()
        context = self.tls if self.implicit else None
        self._server = await loop.create_server(
            lambda: _Conversation(self), "127.0.0.1", self.port, ssl=context
        )
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def down(self) -> None:
        """Refuse new connections and end those there are."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await asyncio.sleep(0.01)
            self._server = None

    def cut(self) -> None:
        for one in list(self._open):
            if one.transport is not None:
                one.transport.abort()

    async def until(self, true: Any, what: str = "mail") -> None:
        await self.pulse.until(true, 10.0, what)

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *error: object) -> None:
        del error
        await self.down()
        for _ in range(3):
            await asyncio.sleep(0)

    # what aiosmtpd asks its handler

    async def answer(self, server: SMTP, command: str) -> str | None:
        queue = self.answers.get(command)
        answer = queue.popleft() if queue else None
        if answer == DROP:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            await asyncio.sleep(60)
        if answer == SLOW:
            await asyncio.sleep(60)
        return answer

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := await self.answer(server, "MAIL"):
            return answer
        if self.user and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del session, options
        if answer := await self.answer(server, "RCPT"):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.original_content, bytes)
        taken = Taken(
            sender=envelope.mail_from or "",
            to=tuple(envelope.rcpt_tos),
            raw=envelope.original_content,
            safe=session.ssl is not None or self.implicit,
            user=str(session.auth_data or ""),
        )
        refused = bool(self.answers.get("DATA")) and self.answers["DATA"][0] is not None
        if not refused or self.takes_anyway:
            self.taken.append(taken)
            self.pulse.beat()
        return await self.answer(server, "DATA") or "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        del server, session, envelope, mechanism
        assert isinstance(data, LoginPassword)
        login = (data.login.decode(), data.password.decode())
        self.logins.append(login)
        if queue := self.answers.get("AUTH"):
            return AuthResult(success=False, handled=False, message=queue.popleft())
        right = login == (self.user, self.password)
        return AuthResult(success=right, handled=False, auth_data=login[0])


class _Conversation(SMTP):
    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        starttls = relay.tls if not relay.implicit else None
        super().__init__(
            relay,
            data_size_limit=relay.limit,
            hostname="relay.test",
            ident="relay",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=relay.authenticate if relay.user else None,
            auth_require_tls=relay.tls is not None and not relay.implicit,
            loop=asyncio.get_running_loop(),
        )

    def connection_made(self, transport: Any) -> None:
        if self not in self._relay._open:  # after STARTTLS it is made once more
            self._relay.connections += 1
        self._relay._open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._relay._open.discard(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self._relay.heard.append(data)
        super().data_received(data)
