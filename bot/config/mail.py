"""`mail` and `sources.<name>.mail`: where mails come in, and which addresses take them."""

import ssl
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.config.fields import Folder, Listen, ListenAddress, MailAddress, Size, Switch
from bot.config.mapping import MappingSection
from bot.outbound import read_networks

if TYPE_CHECKING:
    from bot.doors.mapping import Mapped
    from bot.mail.box import Box

Text = Annotated[str, Field(min_length=1, max_length=200)]


def compiled(pattern: str) -> Any:
    """Compile an RE2 pattern that is found anywhere in a text; raises ValueError."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        told = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise ValueError(
            f"found {pattern[:80]!r}, which is no RE2 pattern ({told}); expected one such as "
            r"'\[(?P<state>\w+)\] (?P<host>\S+)'"
        ) from error


def _pattern(pattern: str) -> str:
    compiled(pattern)
    return pattern


def _sender(text: str) -> str:
    if text == "*":
        return text
    name, at, domain = text.rpartition("@")
    if not at or not name or not domain or "*" in domain or ("*" in name and name != "*"):
        raise ValueError(
            f"found {text[:80]!r}; expected an address, *@example.com, or * for anybody"
        )
    return text.lower()


def _network(text: str) -> str:
    read_networks([text])
    return text


Pattern = Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(_pattern)]
Sender = Annotated[Text, AfterValidator(_sender)]
Network = Annotated[Text, AfterValidator(_network)]


@cache
def plain() -> "Mapped":
    """Return how a mail becomes an alert where nothing else is said.

    Equal senders and subjects are the same alert.
    """
    labels = {"alertname": "'Mail'", "severity": "'warning'"}
    labels |= {"sender": "sender", "subject": "subject"}
    texts = {"summary": "subject", "description": "text"}
    return MappingSection(labels=labels, annotations=texts).compiled()


class MailboxSection(BaseModel):
    """An address that takes mails for a source. senders: of the envelope; needed.

    subject, text: patterns whose named groups the mapping finds as `match.<name>`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: MailAddress
    senders: Annotated[tuple[Sender, ...], Field(min_length=1)]
    subject: Pattern | None = None
    text: Pattern | None = None

    def built(self, source: str, mapping: MappingSection | None) -> "Box":
        """Return it as `bot.mail` knows it."""
        from bot.mail.box import Box

        return Box(
            source=source,
            senders=self.senders,
            subject=compiled(self.subject) if self.subject else None,
            text=compiled(self.text) if self.text else None,
            mapped=mapping.compiled() if mapping else plain(),
            plain=plain(),
        )


class MailSection(BaseModel):
    """The SMTP server.

    hostname:   how it names itself.  certificate, key: PEM, for STARTTLS; none: without.
    require_tls: mails are taken over TLS alone.  max_size: larger mails are refused (bytes).
    hosts:      networks whose machines may deliver; this machine always may.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    listen: ListenAddress = Listen("127.0.0.1", 2525)
    hostname: Text = "tocsin"
    certificate: Folder | None = None
    key: Folder | None = None
    require_tls: Switch = False
    max_size: Size = 1024**2
    hosts: tuple[Network, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("expected certificate and key together, or neither")
        if self.require_tls and self.certificate is None:
            raise ValueError("require_tls needs a certificate and its key")
        if not self.listen.is_loopback and not self.hosts:
            raise ValueError(
                f"{self.listen} can be reached from other machines; expected `hosts`, the "
                "networks whose machines may deliver, such as [10.1.0.0/16]"
            )
        try:
            self.context()
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"certificate and key cannot be read: {error}") from error
        return self

    def context(self) -> ssl.SSLContext | None:
        """Return what STARTTLS works with; raises OSError, SSLError."""
        if self.certificate is None or self.key is None:
            return None
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        found.load_cert_chain(self.certificate, self.key)
        return found
