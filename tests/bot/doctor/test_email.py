"""The relay is met as before a mail, and gets none."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.bot.doctor.ward import amiss, found, patient, texts
from tests.vendors.smtp import Relay

PASSWORD = "a-very-secret-password"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def served(authority: trustme.CA, **more: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", **more).configure_cert(context)
    return context


def relayed(relay: Relay, authority: trustme.CA, folder: Path, **changed: Any) -> dict[str, Any]:
    authority.cert_pem.write_to_path(folder / "ca.pem")
    email = {
        "host": "127.0.0.1",
        "port": relay.port,
        "ca_file": "ca.pem",
        "username": "tocsin",
        "password": PASSWORD,
        "from_address": "tocsin@example.com",
    }
    return {"channels": {"email": email | changed}}


async def test_a_good_relay_gets_no_mail(authority: trustme.CA, tmp_path: Path) -> None:
    async with Relay(tls=served(authority), user="tocsin", password=PASSWORD) as relay:
        findings = await found(patient(tmp_path, **relayed(relay, authority, tmp_path)), "email")
    assert amiss(findings) == []
    assert "took the login of tocsin, and takes mail from tocsin@example.com" in findings[0].text
    assert relay.taken == []
    assert relay.logins == [("tocsin", PASSWORD)]


async def test_a_wrong_password(authority: trustme.CA, tmp_path: Path) -> None:
    async with Relay(tls=served(authority), user="tocsin", password="another") as relay:
        (only,) = await found(patient(tmp_path, **relayed(relay, authority, tmp_path)), "email")
    assert str(only.verdict) == "fault"
    assert "535" in only.text
    assert "channels.email.username and password" in only.advice
    assert PASSWORD not in only.text


async def test_a_sender_that_the_relay_refuses(authority: trustme.CA, tmp_path: Path) -> None:
    async with Relay(tls=served(authority), user="tocsin", password=PASSWORD) as relay:
        relay.next("MAIL", "553 5.7.1 not your address")
        (only,) = await found(patient(tmp_path, **relayed(relay, authority, tmp_path)), "email")
    assert "channels.email.from_address" in only.advice


async def test_a_certificate_that_is_not_believed(authority: trustme.CA, tmp_path: Path) -> None:
    async with Relay(tls=served(trustme.CA()), user="tocsin", password=PASSWORD) as relay:
        (only,) = await found(patient(tmp_path, **relayed(relay, authority, tmp_path)), "email")
    assert (str(only.verdict), "certificate is not believed" in only.text) == ("fault", True)
    assert PASSWORD.encode() not in b"".join(relay.heard)


async def test_a_certificate_that_ends_soon(authority: trustme.CA, tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(days=3, hours=1)
    context = served(authority, not_after=soon)
    async with Relay(tls=context, user="tocsin", password=PASSWORD) as relay:
        findings = await found(patient(tmp_path, **relayed(relay, authority, tmp_path)), "email")
    ((verdict, text),) = amiss(findings)
    assert verdict == "warning"
    assert text.startswith("127.0.0.1: its certificate ends in 3 days")


async def test_no_relay_and_no_encryption(authority: trustme.CA, tmp_path: Path) -> None:
    plain = {"tls": "off", "username": "", "password": None, "ca_file": None}
    async with Relay() as relay:
        written = relayed(relay, authority, tmp_path)["channels"]["email"]
        open_one = {k: v for k, v in (written | plain).items() if v}
        there = patient(tmp_path, channels={"email": open_one})
        findings = await found(there, "email")
        assert "speaks without encryption" in texts(findings)[0]
        assert [verdict for verdict, _ in amiss(findings)] == ["warning"]
    (only,) = await found(there, "email")
    assert (str(only.verdict), "cannot be reached" in only.text) == ("fault", True)
