"""What became of an SMS, in Twilio's words and in ours. Pure."""

from routing.delivery.channel import Receipt
from storage.model.delivery import DeliveryStatus

LATE = {
    30001: "the queue was full",
    30002: "the account is suspended",
    30003: "the phone is unreachable or switched off",
    30004: "the carrier or the person blocks us",
    30005: "the number is unknown or no longer in use",
    30006: "a landline, or a carrier that cannot be reached",
    30007: "the carrier filtered it",
    30008: "unknown error",
    30034: "the sending number is not registered with the carriers",
    21610: "the person texted STOP",
}
"""What Twilio's codes mean, from its error dictionary."""
FAILED = frozenset({"undelivered", "failed", "canceled"})
STOPPED = 21610


def proof(sid: str, status: str, code: object) -> Receipt:
    """Read a status as Twilio tells it: DELIVERED, FAILED, or still only SENT."""
    if status in ("delivered", "read"):
        return Receipt(provider_id=sid, status=DeliveryStatus.DELIVERED)
    if status in FAILED:
        error = _reason(status, code_of(code))
        return Receipt(provider_id=sid, status=DeliveryStatus.FAILED, error=error)
    return Receipt(provider_id=sid)


def code_of(code: object) -> int:
    """Return the number of an error code, however it is written; 0 where there is none."""
    return int(str(code)) if str(code).isdecimal() else 0


def _reason(status: str, code: int) -> str:
    """Say why an SMS did not arrive: `undelivered: the carrier filtered it (30007)`."""
    if not code:
        return status
    return f"{status}: {LATE.get(code, 'see this code in the error dictionary')} ({code})"
