"""What Twilio checks in an SMS, how it counts segments, and how a message lives. Pure."""

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

Json = dict[str, Any]
LONGEST = 1600
E164 = re.compile(r"\+[1-9]\d{7,14}")
GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_ESCAPED = frozenset("^{}\\[~]|€\f")
FAILED, UNDELIVERED = "failed", "undelivered"


class TwilioError(Exception):
    """A refusal: Twilio's code, what it says, and the HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status

    def as_json(self) -> Json:
        """As the body of the answer."""
        more = f"https://www.twilio.com/docs/errors/{self.code}"
        return {
            "code": self.code,
            "message": self.message,
            "more_info": more,
            "status": self.status,
        }


def segments(body: str) -> int:
    """Count the SMS that a text takes.

    160 septets alone or 153 a part in GSM-7, where ^{}[]~|\\ and the euro sign take two;
    70 or 67 UTF-16 units as soon as one character is outside of it.
    """
    if all(char in GSM7 or char in GSM7_ESCAPED for char in body):
        length, alone, part = len(body) + sum(c in GSM7_ESCAPED for c in body), 160, 153
    else:
        length, alone, part = len(body.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= alone else math.ceil(length / part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of messages to one number.

    end:   "delivered", "sent" (nothing more is ever heard), "undelivered", "failed" or "queued".
    error: Twilio's code for the last two (30003 unreachable, 30005 unknown, 30006 landline,
           30007 filtered, 30008 unknown error).
    pause: seconds between two statuses.
    """

    end: str = "delivered"
    error: int | None = None
    pause: float = 0.02

    def stages(self) -> tuple[str, ...]:
        """Every status in order."""
        way = ("queued", "sending", "sent", "delivered")
        if self.end in way:
            return way[: way.index(self.end) + 1]
        return ("queued", FAILED) if self.end == FAILED else (*way[:3], self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """One message that Twilio took. at: monotonic seconds; created: aware UTC."""

    sid: str
    account: str
    to: str
    from_: str
    body: str
    at: float
    created: datetime
    fate: Fate = field(default_factory=Fate)
    direction: str = "outbound-api"
    callback: str = ""

    @property
    def segments(self) -> int:
        """How many SMS the text takes."""
        return segments(self.body)

    def status(self, now: float) -> str:
        """Return the status at `now` (monotonic seconds)."""
        if self.direction == "inbound":
            return "received"
        stages, pause = self.fate.stages(), self.fate.pause
        passed = len(stages) - 1 if pause <= 0 else int((now - self.at) / pause)
        return stages[min(passed, len(stages) - 1)]

    def error(self, now: float) -> int | None:
        """Return the error code once it has failed."""
        return self.fate.error if self.status(now) in {FAILED, UNDELIVERED} else None

    def as_json(self, now: float | None) -> Json:
        """As the API shows it at `now`; None: in the answer to its creation, always queued."""
        created = format_datetime(self.created)
        status = "queued" if now is None else self.status(now)
        uri = f"/2010-04-01/Accounts/{self.account}/Messages/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account,
            "api_version": "2010-04-01",
            "body": self.body,
            "from": self.from_,
            "to": self.to,
            "status": status,
            "error_code": None if now is None else self.error(now),
            "error_message": None,
            "num_segments": str(self.segments),
            "num_media": "0",
            "direction": self.direction,
            "date_created": created,
            "date_updated": created,
            "date_sent": None if status == "queued" else created,
            "messaging_service_sid": None,
            "price": None,
            "price_unit": "USD",
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "uri": f"{uri}.json",
        }


def check(form: dict[str, str], owned: set[str], stopped: set[str]) -> None:
    """Refuse what Twilio would refuse.

    owned:   our numbers.
    stopped: numbers whose owners texted STOP.
    """
    to, from_, body = form.get("To", ""), form.get("From", ""), form.get("Body", "")
    if not to:
        raise TwilioError(21604, "A 'To' phone number is required.")
    if not E164.fullmatch(to) or to == from_:
        raise TwilioError(21211, f"Invalid 'To' Phone Number: {hidden(to)}")
    if not from_:
        raise TwilioError(21603, "A 'From' phone number is required.")
    if not E164.fullmatch(from_):
        raise TwilioError(21212, f"Invalid 'From' Number: {from_}")
    if from_ not in owned:
        raise TwilioError(
            21606,
            f"The 'From' phone number provided ({from_}) is not a valid message-capable "
            "Twilio phone number for this destination/account",
        )
    if not body:
        raise TwilioError(21602, "Message body is required.")
    if len(body) > LONGEST:
        raise TwilioError(21617, "The concatenated message body exceeds the 1600 character limit.")
    if to in stopped:
        raise TwilioError(21610, "Attempt to send to unsubscribed recipient")


def hidden(number: str) -> str:
    """Mask the end of a number, as Twilio does when it quotes one in an error."""
    return number[:-4] + "XXXX" if len(number) > 4 else number


def within(sms: Sms, query: dict[str, str]) -> bool:
    """Whether a message is among those that To, From and DateSent (with < and >) ask for."""
    if query.get("To", sms.to) != sms.to or query.get("From", sms.from_) != sms.from_:
        return False
    for key, value in query.items():
        if not key.startswith("DateSent"):
            continue
        when = datetime.fromisoformat(value)
        bound = when if when.tzinfo else when.replace(tzinfo=UTC)
        # Twilio's bounds include their own second; without a sign the whole day is meant.
        at = sms.created.replace(microsecond=0)
        fits = {"DateSent>": at >= bound, "DateSent<": at <= bound}
        if not fits.get(key, at.date() == bound.date()):
            return False
    return True
