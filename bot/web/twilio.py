"""Where Twilio calls us: SMS that come in, what became of ours, and the keys of a phone call.

Everything is signed by Twilio with the account's token over the address as Twilio knows it, which
is the configured one: whatever a Host header or a proxy says plays no part. What is not signed is
answered 403 and has no effect. Served beyond loopback, for the signature is all that is asked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.channels import sms as sms_channel
from bot.channels import voice_proof as calls
from bot.channels.sms_proof import STOPPED, code_of, proof
from bot.web.answer_links import Allowance
from routing.delivery.channel import Receipt
from routing.flow.phones import PhoneBook
from storage.model.delivery import DeliveryStatus

if TYPE_CHECKING:
    from bot.chat.sms import SmsMouth
    from bot.chat.voice import VoiceMouth
    from bot.web.parts import Parts

log = structlog.get_logger(__name__)

COMPLAINTS_A_MINUTE = 10
LARGEST = 64 * 1024  # bytes of a form; Twilio's have a few hundred
BODY_WITHIN = 10.0  # seconds
NOTHING = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
CALL = "/twilio/voice/{token}"
Form = dict[str, str]
Told = Callable[[str, Receipt], Awaitable[bool]]
"""Takes (channel, what became of a message)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioDoor:
    """What Twilio's requests reach.

    place:  our public address, without a slash at the end.
    tokens: of the accounts whose requests are ours.
    told:   takes what became of a message.
    complaints: how many unsigned requests of one address are written into the log.
    """

    place: str
    tokens: tuple[str, ...]
    told: Told
    complaints: Allowance
    sms: "SmsMouth | None" = None
    voice: "VoiceMouth | None" = None
    book: PhoneBook | None = None

    async def admit(self, request: Request) -> Form:
        """Return the form of a request that Twilio signed; raises HTTPException 403, 408, 413."""
        body = await _body(request)
        pairs = _pairs(body)
        form = dict(pairs)
        query = f"?{request.url.query}" if request.url.query else ""
        address = f"{self.place}{request.scope['path']}{query}"
        given = request.headers.get("x-twilio-signature", "")
        if len(form) != len(pairs) or not self._is_signed(address, form, given):
            client = request.client.host if request.client else ""
            if self.complaints.take(client):
                log.warning(
                    "a request without Twilio's signature", path=request.url.path, by=client
                )
            raise HTTPException(403, "this is not signed by Twilio for this address")
        return form

    def _is_signed(self, address: str, form: Form, given: str) -> bool:
        from twilio.request_validator import RequestValidator

        # Every token is tried, each in constant time.
        right = [bool(RequestValidator(it).validate(address, form, given)) for it in self.tokens]
        return any(right)

    async def inbound(self, request: Request) -> Response:
        """Take an SMS that somebody sent us; the answer goes out by itself."""
        form = await self.admit(request)
        if self.sms is not None:
            await self.sms.by_webhook(form)
        return Response(NOTHING, media_type="text/xml")

    async def status(self, request: Request) -> Response:
        """Take what became of an SMS; unknown ones and old news change nothing."""
        form = await self.admit(request)
        code = form.get("ErrorCode", "")
        receipt = proof(form.get("MessageSid", ""), form.get("MessageStatus", ""), code)
        if code_of(code) == STOPPED and self.book is not None:
            await self.book.note_stopped(form.get("To", ""))
        await self.told("sms", receipt)
        return Response(status_code=204)

    async def answered(self, request: Request) -> Response:
        """Say what is read out to whoever, or whatever, picked up."""
        voice, token, form = await self._call(request)
        if (machine := voice.machine(form)) is not None:
            await self.told("voice", machine)
        return _said(await voice.answered(token, form))

    async def pressed(self, request: Request) -> Response:
        """Take a key."""
        voice, token, form = await self._call(request)
        turn = request.query_params.get("turn", "")
        number = int(turn) if turn.isdecimal() and len(turn) < 3 else 99
        if form.get("Digits"):  # only a person presses one
            taken = DeliveryStatus.DELIVERED
            await self.told("voice", Receipt(provider_id=form.get("CallSid", ""), status=taken))
        return _said(await voice.pressed(token, form, number))

    async def ended(self, request: Request) -> Response:
        """Take how a call ended."""
        _, _, form = await self._call(request)
        sid, status = form.get("CallSid", ""), form.get("CallStatus", "")
        await self.told("voice", calls.proof(sid, status, form.get("AnsweredBy", "")))
        return Response(status_code=204)

    async def _call(self, request: Request) -> "tuple[VoiceMouth, str, Form]":
        form = await self.admit(request)
        token = str(request.path_params["token"])
        if self.voice is None or not self.voice.is_ours(token):
            raise HTTPException(403, "this names no call of ours")
        return self.voice, token, form


def routes(parts: "Parts") -> list[BaseRoute]:
    """Return Twilio's routes; none where it cannot reach us or nothing of its is configured."""
    door = parts.twilio
    if door is None:
        return []
    return [
        Route("/twilio/sms", door.inbound, methods=["POST"]),
        Route(sms_channel.CALLBACK, door.status, methods=["POST"]),
        Route(CALL, door.answered, methods=["POST"]),
        Route(f"{CALL}/key", door.pressed, methods=["POST"]),
        Route(f"{CALL}/status", door.ended, methods=["POST"]),
    ]


def _said(twiml: str) -> Response:
    return Response(twiml, media_type="text/xml")


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST:
                    raise HTTPException(413, f"a form of Twilio has at most {LARGEST} bytes")
    except TimeoutError as error:
        raise HTTPException(408, "the form took too long to arrive") from error
    return bytes(body)


def _pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        text = body.decode()
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=200)
    except ValueError:
        raise HTTPException(400, "expected a form") from None
