"""One kept connection to a mail relay: safe before anything is said, let go when idle."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiosmtplib import SMTP, SMTPException, SMTPResponseException, SMTPServerDisconnected

from bot.channels.email_errors import Unsafe, explained, is_wrong_login, tls_fault
from routing.delivery.channel import Rejected

PATIENCE = 12.0  # seconds for one mail, connecting included
GOODBYE = 2.0
IDLE = 30.0
"""Seconds that an unused connection is kept; relays drop theirs after a minute or more."""
LOCKED_OUT = 60.0
"""Seconds without a login after a wrong one: a storm of them would lock the account."""
GOING_AWAY = 421


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """How a relay met us. tls: such as `TLSv1.3`; empty: none.  certificate: as Python tells it."""

    tls: str
    certificate: dict[str, Any] | None


@dataclass(slots=True, kw_only=True)
class Relay:
    """Takes mails one after the other. It repeats none: the outbox does that.

    tls:   `starttls`, `implicit` or `off`.   trust: None only where tls is off.
    username, password: empty: no login; never said before the connection is safe.
    """

    host: str
    port: int
    sender: str
    tls: str
    trust: ssl.SSLContext | None
    username: str = ""
    password: str = field(default="", repr=False)
    _smtp: SMTP | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _leaving: asyncio.Task[None] | None = None
    _wrong_login: tuple[float, Rejected] | None = None

    async def take(self, to: str, mail: bytes) -> None:
        """Hand a mail over; raises TryLater or Rejected.

        Where the answer to the mail itself was lost the relay may have it: the mail goes again,
        under the same Message-ID.
        """
        async with self._turn:
            self._stay()
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._hand_over(to, mail)
            except Exception as error:
                if not _is_still_good(error):
                    self._drop()
                refusal = explained(error, f"{self.host}:{self.port}", to, self.password)
                if isinstance(refusal, Rejected) and is_wrong_login(error):
                    self._wrong_login = (_now() + LOCKED_OUT, refusal)
                raise refusal from error
            except BaseException:
                self._drop()
                raise
            finally:
                self._leave_later()

    async def prove(self) -> Greeting:
        """Do all that comes before a mail, and take it back; raises TryLater or Rejected."""
        async with self._turn:
            self._stay()
            try:
                async with asyncio.timeout(PATIENCE):
                    smtp = await self._begun(0)
                    await smtp.rset()
                    safe = smtp.get_transport_info("ssl_object")
                    tls, certificate = (safe.version(), safe.getpeercert()) if safe else ("", None)
                    return Greeting(tls=str(tls or ""), certificate=certificate)
            except Exception as error:
                self._drop()
                raise explained(
                    error, f"{self.host}:{self.port}", self.sender, self.password
                ) from error
            finally:
                self._leave_later()

    async def close(self) -> None:
        """Take leave."""
        self._stay()
        async with self._turn:
            await self._leave()

    async def _hand_over(self, to: str, mail: bytes) -> None:
        smtp = await self._begun(len(mail))
        await smtp.rcpt(to)
        await smtp.data(mail)

    async def _begun(self, size: int) -> SMTP:
        """Begin a mail, on the kept connection unless that has ended meanwhile."""
        if self._smtp is not None:
            try:
                await self._smtp.rset()
                await self._begin(self._smtp, size)
            except (SMTPServerDisconnected, SMTPResponseException) as error:
                if getattr(error, "code", GOING_AWAY) != GOING_AWAY:
                    raise
                self._drop()
            else:
                return self._smtp
        self._smtp = await self._connected()
        await self._begin(self._smtp, size)
        return self._smtp

    async def _begin(self, smtp: SMTP, size: int) -> None:
        sized = [f"SIZE={size}"] if smtp.supports_extension("size") else []
        await smtp.mail(self.sender, options=sized)

    async def _connected(self) -> SMTP:
        """Connect, make it safe, log in; in this order, and nothing before the one before."""
        if self._wrong_login and _now() < self._wrong_login[0]:
            raise self._wrong_login[1]
        smtp = SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.tls == "implicit",
            start_tls=False,
            tls_context=self.trust,
            # A name that resolves; asking the system for its own may take long and says little.
            local_hostname=self.sender.rpartition("@")[2],
            timeout=PATIENCE,
        )
        try:
            await self._secure(smtp)
            if self.username:
                await smtp.login(self.username, self.password)
        except BaseException as error:
            smtp.close()
            fault = tls_fault(error)
            if fault is None or isinstance(fault, ssl.SSLCertVerificationError):
                raise
            raise Unsafe("it does not speak TLS as expected") from error
        self._wrong_login = None
        return smtp

    async def _secure(self, smtp: SMTP) -> None:
        await smtp.connect()
        await smtp.ehlo()
        if self.tls == "starttls":
            if not smtp.supports_extension("starttls"):
                raise Unsafe("it offers no STARTTLS")
            await smtp.starttls()
        if self.tls != "off" and smtp.get_transport_info("ssl_object") is None:
            raise Unsafe("the connection is not encrypted")

    def _stay(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _leave_later(self) -> None:
        if self._smtp is not None:
            self._leaving = asyncio.create_task(self._leave_idle())

    async def _leave_idle(self) -> None:
        await asyncio.sleep(IDLE)
        async with self._turn:
            await self._leave()

    async def _leave(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        with suppress(SMTPException, OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await smtp.quit()
        smtp.close()

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


def _is_still_good(error: Exception) -> bool:
    """A plain refusal leaves the connection as it was."""
    return isinstance(error, SMTPResponseException) and error.code != GOING_AWAY


def _now() -> float:
    return asyncio.get_running_loop().time()
