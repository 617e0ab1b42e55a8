"""Twilio on loopback, through the real client."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.vendors.faults import Failure, Fault
from tests.vendors.loopback import Loopback
from tests.vendors.twilio import TwilioServer
from tests.vendors.twilio_messages import Fate, segments

# twilio 9.13 signs in by aiohttp's BasicAuth and `auth`, which aiohttp 3.14 has deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

OURS, ADA = "+14155550100", "+14155550142"


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioServer]:
    async with TwilioServer() as server:
        yield server


@pytest.fixture
async def client(twilio: TwilioServer) -> AsyncIterator[Client]:
    async with AsyncTwilioHttpClient(timeout=5.0) as http:
        made = Client(twilio.account_sid, twilio.auth_token, http_client=http)
        made.api.base_url = twilio.url
        yield made


async def test_a_message_is_sent_and_its_status_fetched(
    twilio: TwilioServer, client: Client
) -> None:
    twilio.usual_fate = Fate(pause=0.0)
    sent = await client.messages.create_async(to=ADA, from_=OURS, body="12 disk full")
    assert (sent.status, sent.num_segments, sent.error_code) == ("queued", "1", None)
    again = await client.messages(sent.sid).fetch_async()
    assert (again.status, again.body) == ("delivered", "12 disk full")
    assert [message.body for message in twilio.sent(ADA)] == ["12 disk full"]
    assert [(call.method, call.status) for call in twilio.calls()] == [
        ("Messages.create", 201),
        ("Messages.fetch", 200),
    ]


@pytest.mark.parametrize(
    ("fate", "status", "code"),
    [
        (Fate(end="undelivered", error=30003, pause=0.0), "undelivered", 30003),
        (Fate(end="failed", error=30008, pause=0.0), "failed", 30008),
        (Fate(end="sent", pause=0.0), "sent", None),
        (Fate(end="queued", pause=0.0), "queued", None),
        (Fate(pause=60.0), "queued", None),
    ],
)
async def test_a_number_has_its_fate(
    twilio: TwilioServer, client: Client, fate: Fate, status: str, code: int | None
) -> None:
    twilio.fate[ADA] = fate
    sent = await client.messages.create_async(to=ADA, from_=OURS, body="x")
    found = await client.messages(sent.sid).fetch_async()
    assert (found.status, found.error_code) == (status, code)


@pytest.mark.parametrize(
    ("to", "from_", "body", "code"),
    [
        ("12345", OURS, "x", 21211),
        (OURS, OURS, "x", 21211),
        (ADA, "tocsin", "x", 21212),
        (ADA, "+14155550111", "x", 21606),
        (ADA, OURS, "", 21602),
        (ADA, OURS, "x" * 1601, 21617),
        ("+14155550143", OURS, "x", 21610),
    ],
)
async def test_refusals_carry_twilios_code(
    twilio: TwilioServer, client: Client, to: str, from_: str, body: str, code: int
) -> None:
    twilio.stopped.add("+14155550143")
    with pytest.raises(TwilioRestException) as caught:
        await client.messages.create_async(to=to, from_=from_, body=body)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert twilio.sent() == []


async def test_a_wrong_token_is_refused(twilio: TwilioServer, client: Client) -> None:
    twilio.auth_token = "changed"
    with pytest.raises(TwilioRestException) as caught:
        await client.messages.create_async(to=ADA, from_=OURS, body="x")
    assert (caught.value.status, caught.value.code) == (401, 20003)


async def test_an_unknown_message_is_not_found(client: Client) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await client.messages("SM" + "0" * 32).fetch_async()
    assert (caught.value.status, caught.value.code) == (404, 20404)


async def test_messages_are_listed_newest_first_in_pages(client: Client) -> None:
    for number in range(5):
        await client.messages.create_async(to=ADA, from_=OURS, body=f"{number}")
    await client.messages.create_async(to="+14155550143", from_=OURS, body="other")
    found = await client.messages.list_async(to=ADA, page_size=2)
    assert [message.body for message in found] == ["4", "3", "2", "1", "0"]
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert await client.messages.list_async(to=ADA, date_sent_after=now + hour) == []
    assert len(await client.messages.list_async(to=ADA, date_sent_after=now - hour)) == 5
    assert await client.messages.list_async(date_sent_before=now - hour) == []


async def test_account_and_numbers_are_shown(twilio: TwilioServer, client: Client) -> None:
    account = await client.api.accounts(twilio.account_sid).fetch_async()
    assert account.status == "active"
    (number,) = await client.incoming_phone_numbers.list_async()
    assert number.phone_number == OURS


@pytest.mark.parametrize("work_done", [True, False])
async def test_an_ambiguous_send(twilio: TwilioServer, client: Client, work_done: bool) -> None:
    fault = Fault(failure=Failure.STATUS, status=500, work_done=work_done, channel=ADA, times=1)
    twilio.faults.add(fault)
    with pytest.raises(TwilioRestException):
        await client.messages.create_async(to=ADA, from_=OURS, body="x")
    assert len(twilio.sent(ADA)) == int(work_done)


async def test_too_many_requests(twilio: TwilioServer, client: Client) -> None:
    twilio.faults.add(Fault(failure=Failure.RATE_LIMIT, seconds=2))
    with pytest.raises(TwilioRestException) as caught:
        await client.messages.create_async(to=ADA, from_=OURS, body="x")
    assert (caught.value.status, caught.value.code) == (429, 20429)


async def test_it_goes_down_and_comes_back(twilio: TwilioServer, client: Client) -> None:
    await twilio.down()
    with pytest.raises(OSError, match="Cannot connect"):
        await client.messages.create_async(to=ADA, from_=OURS, body="x")
    await twilio.up()
    await client.messages.create_async(to=ADA, from_=OURS, body="x")


async def test_callbacks_and_inbound_messages_are_signed(
    twilio: TwilioServer, client: Client
) -> None:
    heard: list[dict[str, str]] = []

    async def hook(request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        signature = request.headers["X-Twilio-Signature"]
        if not RequestValidator(twilio.auth_token).validate(str(request.url), form, signature):
            return web.Response(status=403)
        heard.append(form)
        return web.Response(text="<Response/>")

    app = web.Application()
    app.router.add_post("/hook", hook)
    door = Loopback(app)
    await door.open()
    try:
        url = f"{door.url}/hook"
        await client.messages.create_async(to=ADA, from_=OURS, body="x", status_callback=url)
        await twilio.until(lambda: len(twilio.callbacks) == 4)
        assert await twilio.inbound(url, "ack 42", from_=ADA) == (200, "<Response/>")
        assert (await twilio.inbound(url, "ack 42", from_=ADA, signature="forged"))[0] == 403
        await twilio.inbound(url, "stop", from_=ADA)
        assert twilio.stopped == {ADA}
        await twilio.inbound(url, "START", from_=ADA)
        assert twilio.stopped == set()
    finally:
        await door.close()
    statuses = [form["MessageStatus"] for form in heard if "MessageStatus" in form]
    assert statuses == ["queued", "sending", "sent", "delivered"]
    assert [form["Body"] for form in heard if "Body" in form] == ["ack 42", "stop", "START"]


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 306, 2),
        ("x" * 307, 3),
        ("{" * 80, 1),
        ("{" * 81, 2),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("x" * 159 + "—", 3),
    ],
)
def test_segments_are_counted_as_the_network_does(body: str, count: int) -> None:
    assert segments(body) == count
