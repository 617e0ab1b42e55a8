"""What a Workflow's answer means, in the two words that the outbox understands."""

import json
import re
from dataclasses import dataclass

from bot.channels.retry_after import seconds
from routing.delivery.channel import Rejected, TryLater

WORKFLOW = (
    "in Teams open the channel's ... > Workflows, take `Send webhook alerts to a channel` (or "
    "`Post to a channel when a webhook request is received`), and copy the address that it shows"
)
PASSING = frozenset({408, 409, 425, 429})
GONE = frozenset({404, 410})
_ADVICE = {
    "WorkflowTriggerIsNotEnabled": "the Workflow is switched off: switch it on in Power Automate",
    "DirectApiAuthorizationRequired": "the address is cut short (its `sig` is missing): copy it "
    "whole from the Workflow into channels.teams.rooms",
    "InvalidSasToken": "the address was renewed: copy the present one from the Workflow",
}
_INNER = re.compile(r"HTTP error (\d{3})", re.IGNORECASE)
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]{2,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: a status, its body and headers, or why nothing did (`failed`)."""

    status: int = 0
    body: str = ""
    retry_after: str = ""
    redirected: bool = False
    failed: str = ""

    @property
    def error(self) -> str:
        """The Workflow's own word for what is wrong; nothing else of the body is fit to be shown.

        >>> Answer(body='{"error": {"code": "InvalidSasToken", "message": "..."}}').error
        'InvalidSasToken'
        """
        try:
            found = json.loads(self.body)["error"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return ""
        if not found:
            return ""
        code = str(found.get("code") if isinstance(found, dict) else found)
        return code if _CODE.fullmatch(code) else "an error"

    @property
    def is_unfit(self) -> bool:
        """Whether the card itself may be what is refused: a shorter one may pass."""
        return self.status == 413 or (self.status == 400 and not self.error)


def explained(answer: Answer, what: str) -> TryLater | Rejected | None:
    """Say what the answer means; None: the card was taken.   what: the room, for the sentence."""
    if answer.failed:
        return TryLater(f"{what}: {answer.failed}")
    if answer.redirected:
        advice = f"put the address of the Workflow itself into channels.teams.rooms: {WORKFLOW}"
        return Rejected(f"{what}: the address leads elsewhere", advice=advice)
    if 200 <= answer.status < 300:
        return _taken(answer, what)
    if answer.status in PASSING or answer.status >= 500:
        wait = seconds(answer.retry_after)
        return TryLater(f"{what}: the Workflow answers {answer.status}", after=wait)
    return _refused(answer, what)


def _taken(answer: Answer, what: str) -> TryLater | Rejected | None:
    """Look into the body: Teams says in words, with 200, that it failed."""
    text = answer.body.strip().lower()
    inner = _INNER.search(text)
    if inner or "message delivery failed" in text:
        status = int(inner[1]) if inner else 0
        said = f"{what}: taken, and not delivered" + (f" (HTTP error {status})" if status else "")
        if 400 <= status < 500 and status not in PASSING:
            return Rejected(said, advice=f"make a new Workflow: {WORKFLOW}")
        return TryLater(said, after=seconds(answer.retry_after))
    if answer.error:
        return TryLater(f"{what}: taken, and failed with {answer.error}")
    if text.startswith("<"):
        return TryLater(f"{what}: a web page answers instead of a Workflow")
    return None


def _refused(answer: Answer, what: str) -> Rejected:
    code = answer.error
    said = f"{what}: the Workflow answers {answer.status}" + (f" {code}" if code else "")
    if answer.status in GONE:
        advice = f"the Workflow is gone (connectors are retired): make a new one: {WORKFLOW}"
    else:
        advice = "look at the Workflow's runs in Power Automate, or make a new one"
    return Rejected(said, advice=_ADVICE.get(code, advice))
