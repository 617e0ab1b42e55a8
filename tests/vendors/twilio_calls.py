"""What Twilio does with a phone call: it rings, somebody or something answers, keys are pressed."""

from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from xml.etree import ElementTree

from tests.vendors.twilio_messages import E164, TwilioError

Json = dict[str, Any]
LONGEST_TWIML, LONGEST_SAY = 4000, 4096
UNANSWERED = frozenset({"busy", "no-answer", "failed", "canceled"})
VERBS = frozenset({"Response", "Say", "Pause", "Gather", "Hangup", "Redirect"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What happens when a number is called.

    end:  "completed", "busy", "no-answer", "failed" or "canceled"; "ringing": it rings on.
    by:   who answers: "human", "machine_start", "fax", "unknown".
    keys: what is pressed, one digit for each time that one is asked for; "" presses nothing.
    """

    end: str = "completed"
    by: str = "human"
    keys: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class PhoneCall:
    """One call that Twilio took. said: every text that was read out, in order.

    form: what it was asked for; url, callback: where it gets its words, and tells its end.
    """

    sid: str
    account: str
    to: str
    from_: str
    created: datetime
    at: float
    form: dict[str, str]
    answer: Answer = field(default_factory=Answer)
    status: str = "queued"
    answered_by: str | None = None
    said: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    answered: list[tuple[str, int]] = field(default_factory=list)

    def as_json(self) -> Json:
        """As the API shows it."""
        created = format_datetime(self.created)
        return {
            "sid": self.sid,
            "account_sid": self.account,
            "to": self.to,
            "from": self.from_,
            "status": self.status,
            "answered_by": self.answered_by,
            "direction": "outbound-api",
            "date_created": created,
            "date_updated": created,
            "start_time": created,
            "end_time": None,
            "duration": None,
            "api_version": "2010-04-01",
            "uri": f"/2010-04-01/Accounts/{self.account}/Calls/{self.sid}.json",
        }


def check_call(form: dict[str, str], owned: set[str]) -> None:
    """Refuse what Twilio would refuse."""
    to, from_ = form.get("To", ""), form.get("From", "")
    if not to:
        raise TwilioError(21201, "No 'To' number specified")
    if not E164.fullmatch(to):
        raise TwilioError(13224, "Dial: Twilio does not support calling this number")
    if not from_:
        raise TwilioError(21213, "Caller phone number is required")
    if from_ not in owned:
        raise TwilioError(21210, f"'From' phone number not verified: {from_}")
    if bool(form.get("Url")) == bool(form.get("Twiml")):
        raise TwilioError(21205, "Url parameter is required, or Twiml; not both")
    if len(form.get("Twiml", "")) > LONGEST_TWIML:
        raise TwilioError(21218, "Twiml is longer than 4000 characters")


@dataclass(frozen=True, slots=True)
class Heard:
    """What a document of TwiML comes to. gather: where digits go; None: none are asked for."""

    said: tuple[str, ...]
    gather: str | None
    hung_up: bool


def perform(twiml: str) -> Heard:
    """Read TwiML as Twilio does; raises ValueError for what it does not know."""
    root = ElementTree.fromstring(twiml)
    said: list[str] = []
    gather: str | None = None
    for element in root.iter():
        if element.tag not in VERBS:
            raise ValueError(f"12100: no verb {element.tag!r}")
        if element.tag == "Say":
            text = "".join(element.itertext())
            if len(element) or not 0 < len(text) <= LONGEST_SAY:
                raise ValueError(f"13520: Say cannot read {len(text)} characters")
            said.append(text)
        if element.tag == "Gather":
            gather = element.get("action", "")
    return Heard(tuple(said), gather, any(it.tag == "Hangup" for it in root))
