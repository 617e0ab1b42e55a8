"""What became of a call, in Twilio's words and in ours. Pure."""

from routing.delivery.channel import Receipt
from storage.model.delivery import DeliveryStatus

UNANSWERED = {
    "busy": "the line was busy",
    "no-answer": "nobody picked up",
    "failed": "the call could not be connected",
    "canceled": "the call was cancelled",
}
MACHINES = {"fax": "a fax machine answered"}
"""Whoever else answers, but `human` and `unknown`, is a voicemail (`machine_start`, ...)."""
PEOPLE = frozenset({"", "human", "unknown"})


def is_machine(answered_by: str) -> bool:
    """Say whether a machine picked up; who cannot be told from a person is spoken to."""
    return answered_by not in PEOPLE


def proof(sid: str, status: str, answered_by: str) -> Receipt:
    """Read a call's status: DELIVERED where a person took it, FAILED, or still only SENT.

    Whom Twilio cannot tell from a machine (`unknown`) is a person only by pressing a key, which
    is told before the call ends.
    """
    if is_machine(answered_by):
        reason = MACHINES.get(answered_by, "a voicemail answered")
        return Receipt(provider_id=sid, status=DeliveryStatus.FAILED, error=reason)
    if status in UNANSWERED:
        error = UNANSWERED[status]
        return Receipt(provider_id=sid, status=DeliveryStatus.FAILED, error=error)
    if status == "completed" and answered_by == "unknown":
        error = "nobody pressed a key, and it may have been a voicemail"
        return Receipt(provider_id=sid, status=DeliveryStatus.FAILED, error=error)
    if status == "completed":
        return Receipt(provider_id=sid, status=DeliveryStatus.DELIVERED)
    return Receipt(provider_id=sid)
