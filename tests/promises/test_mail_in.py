"""A mail answered 250 is an alert, whatever happens next; a monitor that mails needs no more."""

import smtplib
import socket
from contextlib import closing
from email.message import EmailMessage

from tests.promises.conftest import Found
from tests.promises.tocsin import Json, Tocsin
from tests.promises.town import number_of, texts, town
from tests.vendors.process import Remote

NO_RULES: Json = {"groups": []}
TO = "nas@tocsin.example.com"
MAPPING: Json = {
    "key": "match.host",
    "status": {"value": "match.state", "resolved": ["OK"]},
    "labels": {"alertname": "'NasTrouble'", "severity": "'critical'", "host": "match.host"},
    "annotations": {"summary": "subject"},
}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def mailed(config: Json, port: int) -> Json:
    box = {"address": TO, "senders": ["*@example.com"], "subject": r"(?P<state>\w+) (?P<host>\w+)"}
    config["sources"]["nas"] = {"token": "nas-token-0123456789", "mail": box, "mapping": MAPPING}
    config["mail"] = {"listen": f"127.0.0.1:{port}"}
    config["routes"] = [{"policy": "default", "group_by": ["alertname", "host"]}]
    return config


def send(port: int, subject: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "nas@example.com", TO, subject
    mail.set_content("look at it")
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.send_message(mail)


async def killed_at_250(tocsin: Tocsin, port: int, subject: str) -> None:
    """Send a mail, and kill the one who took it before the client can say goodbye."""
    with closing(smtplib.SMTP("127.0.0.1", port, timeout=20)) as client:
        client.ehlo()
        client.mail("nas@example.com")
        client.rcpt(TO)
        code, _ = client.data(f"From: nas@example.com\r\nSubject: {subject}\r\n\r\nlook\r\n")
        await tocsin.kill()
    assert code == 250


async def test_a_mail_that_was_taken_pages_over_kill_9(found: Found, twilio: Remote) -> None:
    port = free_port()
    tocsin = found(mailed(town(twilio), port), NO_RULES)
    await tocsin.start()
    for n in range(2):
        await killed_at_250(tocsin, port, f"CRIT disk{n}")
        await tocsin.start()
    await tocsin.until(lambda: tocsin.count("SELECT count(*) FROM incidents") == 2, 30.0)

    async def paged() -> bool:
        told = texts(await twilio.ask("messages"))
        return len({number for number, *_ in told}) == 2

    await tocsin.until(paged, 30.0)
    send(port, "OK disk1")
    over = "SELECT count(*) FROM incidents WHERE status = 'resolved'"
    await tocsin.until(lambda: tocsin.count(over) == 1, 30.0)
    send(port, "CRIT disk1")  # the same trouble again, the same incident
    await tocsin.until(lambda: tocsin.count(over) == 0, 30.0)
    assert tocsin.count("SELECT count(*) FROM incidents") == 2
    assert number_of(str((await tocsin.say("show 2") or {})["text"])) == 2
