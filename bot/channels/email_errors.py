"""What a mail that was not taken means: later, or never, and what to do about it."""

import re
import ssl

from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from routing.delivery.channel import Rejected, TryLater
from routing.delivery.words import flat, shortened

GREYLISTED = 40.0
"""Seconds to wait where a relay does not know us yet: nine such gaps outlast its usual 300."""
_LONGEST_WORDS = 200

_LOGIN = "check channels.email.username and password"
_NEEDS_LOGIN = "set channels.email.username and password: the relay wants to know who sends"
_TOO_LARGE = "the relay takes no mail of this size; raise its limit"
_NOT_RELAYED = (
    "correct the e-mail address; or let the relay take mail for it from here "
    "(channels.email.username and password, or the relay's own list of machines)"
)
_CERTIFICATE = (
    "set channels.email.host to the name in the relay's certificate, or channels.email.ca_file to "
    "the certificate of who issued it; until then neither mail nor password is sent"
)
_TLS_KIND = "check channels.email.tls and port: starttls belongs to 587, implicit to 465"


class Unsafe(Exception):
    """The connection cannot be made safe, so nothing is said over it."""


def is_wrong_login(error: Exception) -> bool:
    """Say whether the relay knows neither name nor password."""
    return isinstance(error, SMTPAuthenticationError) and error.code >= 500


def explained(error: Exception, relay: str, to: str, password: str) -> TryLater | Rejected:
    """Say what a failed mail means; the relay's words are quoted, never the password.

    What is wrong with the relay itself is said without the address, so that administrators hear
    of it once and not for each.
    """
    what = f"{relay}, mail to {to}"
    if isinstance(error, TryLater | Rejected):
        return error
    if isinstance(error, Unsafe):
        return Rejected(f"{relay}: {error}, so nothing was sent", advice=_TLS_KIND)
    bad = tls_fault(error)
    if isinstance(bad, ssl.SSLCertVerificationError):
        words = shortened(flat(bad.verify_message), _LONGEST_WORDS)
        return Rejected(f"{relay}: its certificate is not believed: {words}", advice=_CERTIFICATE)
    if isinstance(error, SMTPResponseException):
        of_mail = isinstance(error, SMTPRecipientRefused | SMTPDataError)
        return _answered(error, what if of_mail or error.code < 500 else relay, password)
    if isinstance(error, TimeoutError):
        return TryLater(f"{what}: no answer in time")
    if isinstance(error, SMTPServerDisconnected):
        return TryLater(f"{what}: the connection broke")
    if isinstance(error, OSError):
        return TryLater(f"{what}: cannot be reached")
    if isinstance(error, SMTPException):  # it offers no way to log in that we know
        words = _quoted(error.message, password)
        return Rejected(f"{relay}: {words}", advice=f"{_LOGIN}; or leave both out")
    return TryLater(f"{what}: an answer that is not a relay's ({type(error).__name__})")


def tls_fault(error: BaseException | None) -> ssl.SSLError | None:
    """Return the TLS fault behind an error, if there is one; a line that broke is none."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            broke = isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
            return None if broke else error
        error = error.__cause__ or error.__context__
    return None


def _answered(error: SMTPResponseException, what: str, password: str) -> TryLater | Rejected:
    text = f"{what}: {error.code} {_quoted(error.message, password)}"
    if error.code < 500:
        asked_later = isinstance(error, SMTPRecipientRefused | SMTPDataError | SMTPSenderRefused)
        greylisted = error.code in (450, 451) and asked_later
        return TryLater(text, after=GREYLISTED if greylisted else None)
    return Rejected(text, advice=_advice(error))


def _advice(error: SMTPResponseException) -> str:
    if isinstance(error, SMTPAuthenticationError):
        return _LOGIN
    if error.code == 530:
        return _NEEDS_LOGIN
    if error.code == 552 or "5.3.4" in error.message:
        return _TOO_LARGE
    if isinstance(error, SMTPRecipientRefused):
        return _NOT_RELAYED if error.code in (550, 551, 553, 554) else "correct the e-mail address"
    if isinstance(error, SMTPSenderRefused):
        return "check channels.email.from_address: the relay must let it send"
    if isinstance(error, SMTPDataError):
        return "the relay refuses the mail's content; ask those who run it"
    return "ask those who run the relay"


def _quoted(words: str, password: str) -> str:
    if password:
        words = words.replace(password, "<secret>")
    return shortened(flat(re.sub(r"\s+", " ", words)), _LONGEST_WORDS)
