"""What is said in a call, as TwiML. Text from alerts is read out and nothing else.

twilio's own builder writes the document, so text is escaped; and before that it is cut down to
what can be spoken: words, digits and the marks between them.
"""

import re
from collections.abc import Iterable
from typing import Any
from unicodedata import category

from routing.delivery.channel import Message

LONGEST = 300  # characters of what an alert says; nobody listens longer
ASKED_WITHIN = 8  # seconds to press a key after all was said
KEYS = {"1": "ack", "2": "resolve", "3": "escalate"}
CHOICE = "Press 1 to acknowledge. Press 2 to resolve. Press 3 to escalate."
BYE = "Goodbye."
_SPOKEN = frozenset("LNMZ")  # letters, numbers, the marks that belong to letters, spaces
_MARKS = frozenset(".,:;!?%'-+/()@&$€£°")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def clean(text: str, longest: int = LONGEST) -> str:
    """Return what of a text can be spoken, on one line; what is cut off is said to be more.

    >>> clean("CheckoutSlow <Redirect>/x</Redirect> p99")
    'Checkout Slow Redirect /x /Redirect p99'
    """
    kept = (char if _is_spoken(char) else " " for char in text[: 4 * longest])
    flat = " ".join(_CAMEL.sub(" ", "".join(kept)).split())
    if len(flat) <= longest and len(text) <= 4 * longest:
        return flat
    return flat[:longest].rsplit(" ", 1)[0] + ", and so on"


def _is_spoken(char: str) -> bool:
    return category(char)[0] in _SPOKEN or char in _MARKS


def spoken(message: Message) -> tuple[str, ...]:
    """Return what a page says, sentence by sentence: who calls, which incident, what is wrong."""
    title = message.title.partition(" ")[2] if message.incident else message.title
    summary = clean(message.summary)
    lines = ["This is Tocsin."]
    if message.incident:
        lines.append(f"Incident number {message.incident}, {message.severity}.")
    lines.append(f"{clean(title).rstrip('.')}.")
    if summary:
        lines.append(f"{summary.rstrip('.')}.")
    return tuple(lines)


def asking(lines: Iterable[str], language: str, action: str) -> str:
    """Say it twice and wait for a key; nothing pressed: goodbye."""
    response = _response()
    gather = response.gather(
        input="dtmf", num_digits=1, timeout=ASKED_WITHIN, action=action, method="POST",
        action_on_empty_result=False,
    )  # fmt: skip
    text = " ".join(lines)
    for _ in range(2):
        gather.say(f"{text} {CHOICE}", language=language)
        gather.pause(length=1)
    response.say(f"No key was pressed. {BYE}", language=language)
    response.hangup()
    return str(response)


def goodbye(lines: Iterable[str], language: str, *, twice: bool = False) -> str:
    """Say it and hang up."""
    response = _response()
    text = " ".join(lines)
    response.say(text, language=language)
    if twice:
        response.pause(length=1)
        response.say(text, language=language)
    response.say(BYE, language=language)
    response.hangup()
    return str(response)


def silence() -> str:
    """Hang up without a word: a machine listens."""
    response = _response()
    response.hangup()
    return str(response)


def _response() -> Any:
    from twilio.twiml.voice_response import VoiceResponse

    return VoiceResponse()
