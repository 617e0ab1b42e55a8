"""What Twilio says of an account: standing, money, numbers and what they can, verified phones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aiohttp import web

from tests.vendors.twilio_messages import Json, TwilioError


@dataclass(slots=True, kw_only=True)
class Account:
    """The account behind the token.

    balance:  in USD; None: a subaccount, which has none.
    verified: phones that a trial account may text.
    able:     what a number can; everything unless said.
    """

    sid: str
    status: str = "active"
    type: str = "Full"
    balance: str | None = "42.50"
    verified: set[str] = field(default_factory=set)
    able: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def routes(self) -> Iterator[tuple[str, str, str, Callable[..., web.Response]]]:
        """Yield verb, path, name and work of each method."""
        yield "GET", ".json", "Accounts.fetch", self._fetch
        yield "GET", "/Balance.json", "Balance.fetch", self._balance
        yield "GET", "/OutgoingCallerIds.json", "OutgoingCallerIds.list", self._ids

    def capabilities(self, number: str) -> Json:
        """Say what a number can."""
        able = self.able.get(number, ("sms", "mms", "voice"))
        return {kind: kind in able for kind in ("sms", "mms", "voice", "fax")}

    def _fetch(self, _: web.Request, __: Json) -> web.Response:
        told = {"friendly_name": "Loopback", "status": self.status, "type": self.type}
        return web.json_response({"sid": self.sid, **told})

    def _balance(self, request: web.Request, _: Json) -> web.Response:
        if self.balance is None:
            raise TwilioError(20404, f"The requested resource {request.path} was not found", 404)
        told = {"balance": self.balance, "currency": "USD"}
        return web.json_response({"account_sid": self.sid, **told})

    def _ids(self, request: web.Request, _: Json) -> web.Response:
        found = [
            {"sid": f"PN{n:032}", "account_sid": self.sid, "phone_number": it, "friendly_name": it}
            for n, it in enumerate(sorted(self.verified))
        ]
        page = {"page": 0, "page_size": 1000, "uri": request.path, "next_page_uri": None}
        return web.json_response({"outgoing_caller_ids": found, **page})
