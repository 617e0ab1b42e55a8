"""Mails as programs and attackers write them: all of it becomes text, or is refused in words."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ingest.format import BadPayload
from bot.mail.read import LONGEST_HEADER, LONGEST_TEXT, read_mail

NAS = "nas@example.com"
PAGE = (
    "<html><head><title>x</title><style>p {}</style></head>"
    "<body><p>Disk <b>3</b><br>is &lt;full&gt;</p><script>alert(1)</script></body>"
)


def mail(*headers: str, body: str = "hello", sender: str = NAS) -> bytes:
    lines = (f"From: NAS <{sender}>", *headers)
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("utf-8", "surrogatepass")


def parts(*told: tuple[str, str]) -> bytes:
    body = "".join(f"--b\r\nContent-Type: {kind}\r\n\r\n{text}\r\n" for kind, text in told)
    return mail("Content-Type: multipart/mixed; boundary=b", body=f"{body}--b--\r\n")


@pytest.mark.parametrize(("raw", "subject", "text"), [
    pytest.param(mail("Subject: hi"), "hi", "hello", id="plain"),
    pytest.param(mail("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?="), "Grüße", "hello", id="encoded"),
    pytest.param(mail("Subject: a\r\n\tb"), "a b", "hello", id="folded"),
    pytest.param(mail("Subject: =?utf-8?q?a=0D=0ABcc:_x?="), "a Bcc: x", "hello", id="no-new-line"),
    pytest.param(mail("Subject: =?no-such?q?a?="), "=?no-such?q?a?=", "hello", id="no-charset"),
    pytest.param(mail("Subject: hällo"), "hällo", "hello", id="raw-bytes"),
    pytest.param(mail("Content-Type: text/html", body=PAGE), "", "Disk 3\nis <full>", id="a-page"),
    pytest.param(parts(("text/html", PAGE), ("text/plain", "it")), "", "it", id="words-first"),
    pytest.param(
        parts(("text/plain\r\nContent-Disposition: attachment", "no"), ("text/plain", "yes")),
        "", "yes", id="no-attachment",
    ),
    pytest.param(mail("Content-Type: text/plain; charset=nope"), "", "hello", id="unknown-charset"),
    pytest.param(
        mail("Content-Transfer-Encoding: base64", body="aGVsbG8AIHRoZXJl"), "", "hello there",
        id="base64-and-NUL",
    ),
    pytest.param(b"\x00\xff", "", "�", id="garbage"),
    pytest.param(b"", "", "", id="nothing"),
])  # fmt: skip
def test_what_a_mail_says(raw: bytes, subject: str, text: str) -> None:
    found = read_mail(raw, NAS)
    assert (found.subject, found.text) == (subject, text)


@pytest.mark.parametrize(("headers", "sender", "robot"), [
    pytest.param((), NAS, False, id="a-mail"),
    pytest.param(("Auto-Submitted: auto-generated",), NAS, False, id="a-monitor-says-so-too"),
    pytest.param(("Auto-Submitted: auto-replied (vacation)",), NAS, True, id="away"),
    pytest.param(("Precedence: auto_reply",), NAS, True, id="away-as-of-old"),
    pytest.param(("Precedence: bulk",), NAS, False, id="bulk-is-no-reply"),
    pytest.param(("X-Autoreply: yes",), NAS, True, id="away-in-its-own-words"),
    pytest.param((), "", True, id="a-bounce"),
    pytest.param(("Content-Type: multipart/report; boundary=b",), NAS, True, id="a-report"),
])  # fmt: skip
def test_machines_that_answer(headers: tuple[str, ...], sender: str, robot: bool) -> None:
    assert bool(read_mail(mail(*headers), sender).robot) is robot


def test_who_wrote_and_what_it_answers() -> None:
    found = read_mail(
        mail("Message-ID: <1@x>", "References: <a@x> <b@y>", "In-Reply-To: <b@y>"),
        "NAS@Example.com",
    )
    assert (found.sender, found.writer, found.id) == (NAS, NAS, "<1@x>")
    assert set(found.answers) == {"<a@x>", "<b@y>"}


@pytest.mark.parametrize("raw", [
    pytest.param(mail("Subject: " + "=?utf-8?q?a?= " * 100_000), id="encoded-words"),
    pytest.param(mail("From: " + "(" * 200_000), id="comments"),
    pytest.param(mail("From: " + "a@b, " * 100_000), id="addresses"),
    pytest.param(mail("Content-Type: text/html", body="<" * 500_000), id="open-tags"),
    pytest.param(mail("Content-Type: text/html", body="<!--" * 200_000), id="open-comments"),
    pytest.param(mail("Content-Type: text/html", body="<a " * 300_000), id="open-attributes"),
    pytest.param(mail("Content-Type: text/plain; " + "a*0*=b;" * 20_000), id="parameters"),
    pytest.param(parts(*[("text/html", "x")] * 5_000), id="parts"),
])  # fmt: skip
def test_what_is_made_to_cost_much_costs_little(raw: bytes) -> None:
    began = process_time()
    found = read_mail(raw[: 1024**2], NAS)
    assert process_time() - began < 5
    assert len(found.subject) <= LONGEST_HEADER
    assert len(found.text) <= LONGEST_TEXT


def test_boxes_in_boxes_are_refused_in_words() -> None:
    deep = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(3_000)
    )
    try:
        read_mail(deep.encode(), NAS)
    except BadPayload as error:
        assert str(error) == "this is no mail: RecursionError"  # noqa: PT017 (either is right)


@given(st.binary(max_size=400), st.sampled_from(("Subject", "Content-Type", "From", "Date")))
def test_whatever_comes_is_text_or_refused(raw: bytes, name: str) -> None:
    try:
        found = read_mail(f"{name}: ".encode() + raw, NAS)
    except BadPayload:
        return
    f"{found.subject}{found.text}{found.writer}{found.date}".encode()
