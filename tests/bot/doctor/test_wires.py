"""Who answers at an address: heartbeat, webhooks, Teams, push; none of them is called."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from tests.bot.doctor.ward import amiss, found, patient, texts
from tests.vendors.loopback import Loopback
from tests.vendors.teams import TeamsServer

KEY = "a-key-of-24-characters.."


class Listener:
    """Answers everything, and remembers that it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._door = Loopback(app)
        self.url = self._door.url

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        return web.Response(text="{}")

    async def __aenter__(self) -> "Listener":
        await self._door.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._door.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with Listener() as there:
        yield there


def hooked(url: str, *allow: str) -> dict[str, Any]:
    told = {"urls": {"desk": url}, "keys": {"desk": KEY}, "allow": list(allow)}
    return {"channels": {"webhook": told}}


async def test_a_heartbeat_is_connected_to_and_not_called(
    listener: Listener, tmp_path: Path
) -> None:
    url = f"{listener.url}/ping/heartbeat-secret-4711"
    findings = await found(patient(tmp_path, heartbeat={"url": url}), "heartbeat")
    assert texts(findings) == ["127.0.0.1 answers, no TLS; it was not called"]
    assert listener.asked == []


async def test_without_a_heartbeat_nobody_notices(tmp_path: Path) -> None:
    ((verdict, text),) = amiss(await found(patient(tmp_path), "heartbeat"))
    assert (verdict, text) == ("warning", "none is set: nobody notices when this machine is gone")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1/token-4711", "127.0.0.1:1: nobody listens"),
        ("http://nowhere.invalid/token-4711", "nobody knows the name nowhere.invalid"),
    ],
)
async def test_who_does_not_answer_is_named_without_the_path(
    tmp_path: Path, url: str, said: str
) -> None:
    (only,) = await found(patient(tmp_path, heartbeat={"url": url}), "heartbeat")
    assert (str(only.verdict), only.text) == ("fault", said)
    assert only.advice


async def test_an_address_inside_is_not_connected_to(listener: Listener, tmp_path: Path) -> None:
    there = patient(tmp_path, **hooked(listener.url, "127.0.0.1"))
    assert amiss(await found(there, "webhook")) == []
    opened = there.config.opened["webhook"]
    object.__setattr__(opened.options, "allow", ())  # allowed when it was read, and no more
    (only,) = await found(there, "webhook")
    assert "127.0.0.1, which is this machine itself" in only.text
    assert listener.asked == []


async def test_tables_are_connected_to_and_not_asked(listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "hosts.csv").write_text("host,team\na,b\n")
    (tmp_path / "none.csv").write_text("host,team\n")
    told: dict[str, Any] = {"label": "host", "labels": {"owner": "team"}}
    there = patient(
        tmp_path,
        lookups={
            "hosts": told | {"csv": "hosts.csv"},
            "none": told | {"csv": "none.csv"},
            "inside": told | {"url": f"{listener.url}/x/{{value}}"},
            "cmdb": told | {"url": f"{listener.url}/x/{{value}}", "allow": ["127.0.0.1"]},
        },
    )
    hosts, none, inside, cmdb = await found(there, "lookups")
    assert hosts.text == f"hosts: {tmp_path}/hosts.csv knows 1 value"
    assert (str(none.verdict), none.text) == ("warning", "none: its file is empty")
    assert str(inside.verdict) == "fault"
    assert "127.0.0.1, which is this machine itself" in inside.text
    assert cmdb.text == "cmdb: 127.0.0.1 answers, no TLS; it was not asked"
    assert listener.asked == []


async def test_a_certificate_is_judged(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    soon = datetime.now(UTC) + timedelta(days=2, hours=1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", not_after=soon).configure_cert(context)
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    url = f"https://localhost:{port}"
    forward = {"url": url, "ca_file": "ca.pem"}
    told = amiss(await found(patient(tmp_path, storage={"forward": forward}), "numbers"))
    assert [verdict for verdict, _ in told] == ["warning"]
    assert "its certificate ends in 2 days" in told[0][1]
    (only,) = amiss(await found(patient(tmp_path, heartbeat={"url": url}), "heartbeat"))
    assert "its certificate is not believed" in only[1]
    await runner.cleanup()


async def test_teams_is_told_by_its_address(tmp_path: Path) -> None:
    async with TeamsServer() as teams:
        cut_short = teams.address("shop").partition("&sig=")[0]
        rooms = {"ops": teams.address("ops"), "shop": cut_short}
        findings = await found(patient(tmp_path, channels={"teams": {"rooms": rooms}}), "teams")
        assert teams.runs == []
    assert [str(it.verdict) for it in findings] == ["warning", "fault"]
    assert "no host of Power Automate" in findings[0].text
    assert "`sig` is missing" in findings[1].text
    assert teams.sig not in str(findings)


async def test_push_addresses_are_named_by_their_service(tmp_path: Path) -> None:
    urls = {"phone": "ntfys://ntfy.sh/a-secret-topic", "chat": "mmosts://h.example/token-4711"}
    findings = await found(patient(tmp_path, channels={"push": {"urls": urls}}), "push")
    assert [text.partition(".")[0] for text in texts(findings)] == [
        "phone: an address of ntfy",
        "chat: an address of Mattermost",
    ]
    assert "secret" not in str(findings)
