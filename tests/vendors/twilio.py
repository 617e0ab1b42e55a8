"""Twilio's API for SMS and calls on loopback.

    async with TwilioServer() as twilio:
        client = Client(twilio.account_sid, twilio.auth_token, http_client=AsyncTwilioHttpClient())
        client.api.base_url = twilio.url
        twilio.fate["+14155550199"] = Fate(end="undelivered", error=30003)

As a process of its own, for tests that kill the client: `python -m tests.vendors.twilio`.
"""

import asyncio
import base64
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

from tests.vendors.calls import Call, Ledger
from tests.vendors.faults import Failure, Fault
from tests.vendors.loopback import Loopback, Pulse
from tests.vendors.twilio_account import Account
from tests.vendors.twilio_calls import UNANSWERED, Answer, PhoneCall, check_call, perform
from tests.vendors.twilio_messages import Fate, Json, Sms, TwilioError, check, within

STOP, START = (
    {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"},
    {"START", "YES", "UNSTOP"},
)
PAGE = 50
MOST_GATHERED = 6


class TwilioServer:
    """Twilio's side of the wire.

    messages: every SMS taken, oldest first, inbound ones too.
    fate:     what becomes of messages to a number; all others take `usual_fate`.
    stopped:  numbers that texted STOP.
    numbers:  the numbers that we own.   account: whose they are.
    phone_calls: every call made, oldest first.
    answers:  what happens when a number is called; all others take `usual_answer`.
    places:   public address -> where a proxy passes it on to; what is not here is called itself.
    ledger:   every call; `ledger.latency`, `ledger.impatient()`.
    methods, as faults and calls name them: Messages.create, Messages.fetch, Messages.list,
    IncomingPhoneNumbers.list, Calls.create, Calls.fetch, Calls.list, and those of
    twilio_account.py.
    """

    def __init__(self, *, port: int = 0) -> None:
        self.account_sid, self.auth_token = "AC" + "0" * 32, "loopback-auth-token"
        self.account = Account(sid=self.account_sid)
        self.numbers = {"+14155550100"}
        self.fate: dict[str, Fate] = {}
        self.usual_fate = Fate()
        self.stopped: set[str] = set()
        self.messages: list[Sms] = []
        self.callbacks: list[tuple[str, int]] = []
        self.phone_calls: list[PhoneCall] = []
        self.answers: dict[str, Answer] = {}
        self.usual_answer = Answer()
        self.places: dict[str, str] = {}
        self.bad_callbacks = False
        self._pulse = Pulse()
        self.ledger = Ledger(self._pulse)
        self.faults = self.ledger.faults
        self._tasks: set[asyncio.Task[None]] = set()
        self._door = Loopback(self._routes(), port)
        self.url = self._door.url

    async def __aenter__(self) -> Self:
        await self._door.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ledger.closing.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._door.close()

    # what a test looks at

    def sent(self, to: str = "") -> list[Sms]:
        """Messages that we sent, oldest first; to one number or to all."""
        return [m for m in self.messages if m.direction != "inbound" and to in {"", m.to}]

    def calls(self, method: str = "") -> list[Call]:
        """Requests in the order of arrival."""
        return self.ledger.of(method)

    async def until(
        self, true: Callable[[], object], within: float = 5.0, what: str = "it"
    ) -> None:
        """Return as soon as `true()` holds; looked at after every request and callback."""
        await self._pulse.until(true, within, what)

    # what a person does

    async def inbound(
        self, url: str, body: str, *, from_: str, to: str = "", signature: str = ""
    ) -> tuple[int, str]:
        """Bring an SMS to our webhook, signed; return the status and the TwiML answered.

        STOP and START are obeyed as Twilio does, before the webhook hears of them.
        signature: replaces the right one, to forge a request.
        """
        sms = self.text(body, from_=from_, to=to)
        return await self.bring(url, sms, signature)

    def text(self, body: str, *, from_: str, to: str = "") -> Sms:
        """Send an SMS to our number; it stands in the list, and no webhook hears of it."""
        word = body.strip().upper()
        self.stopped = (self.stopped | ({from_} if word in STOP else set())) - (
            {from_} if word in START else set()
        )
        number = to or min(self.numbers)
        return self._take(to=number, from_=from_, body=body, direction="inbound")

    async def bring(self, url: str, sms: Sms, signature: str = "") -> tuple[int, str]:
        """Bring an SMS to our webhook; once more, if it was brought already."""
        form = {
            "MessageSid": sms.sid,
            "SmsSid": sms.sid,
            "AccountSid": self.account_sid,
            "From": sms.from_,
            "To": sms.to,
            "Body": sms.body,
            "NumMedia": "0",
            "NumSegments": str(sms.segments),
            "SmsStatus": "received",
            "ApiVersion": "2010-04-01",
        }
        return await self._post(url, form, signature)

    # what goes wrong

    async def down(self, status: int | None = None) -> None:
        """Be gone: connections are refused; with `status` every request gets that instead."""
        self.ledger.down = status
        if status is None:
            await self._door.down()

    async def up(self) -> None:
        """Be back, on the same port."""
        self.ledger.down = None
        await self._door.up()

    # the API

    def _routes(self) -> web.Application:
        app, root = web.Application(), "/2010-04-01/Accounts/{account}"
        for verb, path, name, work in (
            ("POST", "/Messages.json", "Messages.create", self._create),
            ("GET", "/Messages.json", "Messages.list", self._list),
            ("GET", "/Messages/{sid}.json", "Messages.fetch", self._fetch),
            ("GET", "/IncomingPhoneNumbers.json", "IncomingPhoneNumbers.list", self._owned),
            ("POST", "/Calls.json", "Calls.create", self._call),
            ("GET", "/Calls.json", "Calls.list", self._list_calls),
            ("GET", "/Calls/{sid}.json", "Calls.fetch", self._fetch_call),
            *self.account.routes(),
        ):
            app.router.add_route(verb, root + path, self._door_to(name, work))
        return app

    def _door_to(self, method: str, work: Callable[..., web.Response]) -> Any:
        async def opened(request: web.Request) -> web.StreamResponse:
            return await self._answer(request, method, work)

        return opened

    async def _answer(
        self, request: web.Request, method: str, work: Callable[..., web.Response]
    ) -> web.StreamResponse:
        args = {**request.query, **{k: str(v) for k, v in (await request.post()).items()}}
        call = Call(method=method, args=args, channel=args.get("To", ""))

        async def done() -> web.Response:
            try:
                self._admit(request)
                answer = work(request, args)
            except TwilioError as refusal:
                call.error = str(refusal.code)
                return _refused(refusal)
            call.done = True
            return answer

        return await self.ledger.answer(request, call, done, _spoilt)

    def _admit(self, request: web.Request) -> None:
        pair = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {pair}":
            raise TwilioError(20003, "Authenticate", 401)
        if request.match_info["account"] != self.account_sid:
            raise _not_found(request)

    def _create(self, _: web.Request, form: dict[str, str]) -> web.Response:
        check(form, self.numbers, self.stopped)
        callback = form.get("StatusCallback", "")
        if callback and self.bad_callbacks:
            raise TwilioError(21609, f"The 'StatusCallback' URL {callback} is not a valid URL.")
        sms = self._take(to=form["To"], from_=form["From"], body=form["Body"], callback=callback)
        if callback:
            self._begin(self._report(sms))
        return web.json_response(sms.as_json(None), status=201)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _fetch(self, request: web.Request, _: Json) -> web.Response:
        for sms in self.messages:
            if sms.sid == request.match_info["sid"]:
                return web.json_response(sms.as_json(time.monotonic()))
        raise _not_found(request)

    def _list(self, request: web.Request, query: dict[str, str]) -> web.Response:
        now = time.monotonic()
        found = [m.as_json(now) for m in reversed(self.messages) if within(m, query)]
        return web.json_response(_page(request.path, query, "messages", found))

    def _call(self, _: web.Request, form: dict[str, str]) -> web.Response:
        check_call(form, self.numbers)
        call = PhoneCall(
            sid=f"CA{uuid4().hex}",
            account=self.account_sid,
            to=form["To"],
            from_=form["From"],
            created=datetime.now(UTC),
            at=time.monotonic(),
            form=form,
            answer=self.answers.get(form["To"], self.usual_answer),
        )
        self.phone_calls.append(call)
        taken = web.json_response(call.as_json(), status=201)
        self._begin(self._ring(call))
        return taken

    def _fetch_call(self, request: web.Request, _: Json) -> web.Response:
        for call in self.phone_calls:
            if call.sid == request.match_info["sid"]:
                return web.json_response(call.as_json())
        raise _not_found(request)

    def _list_calls(self, request: web.Request, query: dict[str, str]) -> web.Response:
        found = [
            call.as_json()
            for call in reversed(self.phone_calls)
            if query.get("To", call.to) == call.to
        ]
        return web.json_response(_page(request.path, query, "calls", found))

    def _owned(self, request: web.Request, query: dict[str, str]) -> web.Response:
        found = [
            {
                "sid": "PN" + number.strip("+").rjust(32, "0"),
                "account_sid": self.account_sid,
                "phone_number": number,
                "friendly_name": number,
                "capabilities": self.account.capabilities(number),
            }
            for number in sorted(self.numbers)
            if query.get("PhoneNumber", number) == number
        ]
        return web.json_response(_page(request.path, query, "incoming_phone_numbers", found))

    def _take(self, **fields: Any) -> Sms:
        fate = self.fate.get(fields["to"], self.usual_fate)
        now, utc = time.monotonic(), datetime.now(UTC)
        made = Sms(
            sid=f"SM{uuid4().hex}",
            account=self.account_sid,
            at=now,
            created=utc,
            fate=fate,
            **fields,
        )
        self.messages.append(made)
        return made

    # calls

    async def _ring(self, call: PhoneCall) -> None:
        """Let it ring, be answered or not, and tell the StatusCallback how it ended."""
        call.status = "ringing"
        self._pulse.beat()
        if call.answer.end == "ringing":
            return
        if call.answer.end not in UNANSWERED:
            call.status = "in-progress"
            if call.form.get("MachineDetection"):
                call.answered_by = call.answer.by
            await self._talk(call)
        call.status = call.answer.end
        if callback := call.form.get("StatusCallback", ""):
            await self._tell(call, callback, {"CallbackSource": "call-progress-events"})
        self._pulse.beat()

    async def _talk(self, call: PhoneCall) -> None:
        keys, twiml = list(call.answer.keys), call.form.get("Twiml", "")
        if not twiml:
            twiml = await self._tell(call, call.form["Url"], {})
        for _ in range(MOST_GATHERED):
            if not twiml:
                return
            call.words.append(twiml)
            heard = perform(twiml)
            call.said += heard.said
            key = keys.pop(0) if keys and heard.gather is not None else ""
            if not key or heard.gather is None:
                return
            twiml = await self._tell(call, heard.gather, {"Digits": key})

    async def _tell(self, call: PhoneCall, url: str, more: dict[str, str]) -> str:
        form = {
            "CallSid": call.sid,
            "AccountSid": call.account,
            "From": call.from_,
            "To": call.to,
            "CallStatus": call.status,
            "Direction": "outbound-api",
            "ApiVersion": "2010-04-01",
            **({"AnsweredBy": call.answered_by} if call.answered_by else {}),
            **more,
        }
        try:
            status, text = await self._post(url, form)
        except aiohttp.ClientError:
            status, text = 0, ""
        call.answered.append((url, status))
        return text if status == 200 else ""

    async def replay(self, call: PhoneCall, url: str, **more: str) -> tuple[int, str]:
        """Send a request about a call once more, signed."""
        form = {"CallSid": call.sid, "To": call.to, "From": call.from_, **more}
        return await self._post(url, form)

    # callbacks

    async def _report(self, sms: Sms) -> None:
        """Tell the StatusCallback address every status, when its time has come."""
        for position, status in enumerate(sms.fate.stages()):
            await asyncio.sleep(max(0.0, sms.at + position * sms.fate.pause - time.monotonic()))
            form = {
                "MessageSid": sms.sid,
                "MessageStatus": status,
                "SmsSid": sms.sid,
                "SmsStatus": status,
                "AccountSid": self.account_sid,
                "From": sms.from_,
                "To": sms.to,
                "ApiVersion": "2010-04-01",
            }
            if sms.fate.error and status == sms.fate.stages()[-1]:
                form["ErrorCode"] = str(sms.fate.error)
            try:
                code, _ = await self._post(sms.callback, form)
            except aiohttp.ClientError:
                code = 0
            self.callbacks.append((status, code))
            self._pulse.beat()

    async def _post(self, url: str, form: dict[str, str], signature: str = "") -> tuple[int, str]:
        signature = signature or RequestValidator(self.auth_token).compute_signature(url, form)
        headers = {
            "X-Twilio-Signature": signature,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        for public, inside in self.places.items():
            url = url.replace(public, inside, 1) if url.startswith(public) else url
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=urlencode(form), headers=headers) as answer,
        ):
            return answer.status, await answer.text()


def _refused(refusal: TwilioError) -> web.Response:
    return web.json_response(refusal.as_json(), status=refusal.status)


def _spoilt(fault: Fault) -> web.Response:
    if fault.failure is Failure.RATE_LIMIT:
        answer = _refused(TwilioError(20429, "Too Many Requests", 429))
        answer.headers["Retry-After"] = str(max(1, round(fault.seconds)))
        return answer
    code = int(fault.error) if fault.error.isdecimal() else 20500
    return _refused(TwilioError(code, "Refused", 400 if code != 20500 else 500))


def _not_found(request: web.Request) -> TwilioError:
    return TwilioError(20404, f"The requested resource {request.path} was not found", 404)


def _page(path: str, query: dict[str, str], key: str, found: list[Json]) -> Json:
    size, number = int(query.get("PageSize", PAGE)), int(query.get("Page", 0))
    start = size * number
    asked = {k: v for k, v in query.items() if k not in {"PageSize", "Page"}}

    def uri(page: int) -> str:
        return f"{path}?{urlencode({**asked, 'PageSize': size, 'Page': page})}"

    shown = found[start : start + size]
    return {
        key: shown,
        "page": number,
        "page_size": size,
        "start": start,
        "end": start + max(0, len(shown) - 1),
        "uri": uri(number),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1) if start + size < len(found) else None,
        "previous_page_uri": uri(number - 1) if number else None,
    }


def serve() -> None:
    """Be a process of its own; process.py."""
    from tests.vendors.process import main
    from tests.vendors.twilio_desk import TwilioDesk

    main(lambda port: TwilioServer(port=port), TwilioDesk)


if __name__ == "__main__":
    serve()
