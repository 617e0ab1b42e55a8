"""What mails become, whose are taken, and which make no alert."""

from dataclasses import replace
from typing import Any

import pytest

from bot.config.mail import MailboxSection
from bot.config.mapping import MappingSection
from bot.mail.box import Box, Ours, told, why_none
from bot.mail.read import Mail
from storage.model.alert import Severity
from tests.fakes import NOON

OURS = Ours(address="tocsin@example.com")
MAIL = Mail(
    sender="nas@example.com",
    writer="nas@example.com",
    subject="[CRIT] disk3: volume full",
    text="Volume /srv is at 99%.",
    date="",
    id="<1@nas.example.com>",
    answers=(),
    hops=1,
    robot="",
)


def box(**mapping: Any) -> Box:
    section = MailboxSection(
        address="nas@tocsin.example.com",
        senders=("*@example.com", "boss@else.com"),
        subject=r"\[(?P<state>\w+)\] (?P<host>\w+): (?P<what>.*)",
        text=r"Volume (?P<volume>\S+)",
    )
    return section.built("nas", MappingSection(**mapping) if mapping else None)


NAS = box(
    key="join('/', [match.host, match.volume])",
    status={"value": "match.state", "resolved": ["OK"]},
    labels={"alertname": "'Nas'", "severity": "match.state", "host": "match.host"},
    annotations={"summary": "match.what", "volume": "match.volume", "by": "from"},
    severities={"CRIT": "critical"},
)


def test_patterns_find_what_a_mapping_names() -> None:
    arrived = told(NAS, MAIL, "nas@tocsin.example.com", NOON)
    [(key, alert)] = arrived.keyed.items()
    assert key == "disk3//srv"
    assert alert.severity is Severity.CRITICAL
    assert (alert.labels.get("host"), alert.source) == ("disk3", "nas")
    assert dict(alert.annotations) == {
        "summary": "volume full",
        "volume": "/srv",
        "by": "nas@example.com",
    }


def test_the_mail_that_all_is_well_ends_it() -> None:
    over = replace(MAIL, subject="[OK] disk3: volume full")
    assert told(NAS, over, "", NOON).over == ("disk3//srv",)


def test_a_mail_that_is_not_understood_is_told_as_it_is() -> None:
    odd = replace(MAIL, subject="HELP", text="it burns")
    [alert] = told(NAS, odd, "", NOON).alerts
    assert (alert.name, alert.severity) == ("Mail", Severity.WARNING)
    assert alert.annotations.get("summary") == "HELP"
    assert alert.annotations.get("description") == "it burns"
    assert alert.annotations.get("problem").startswith("not understood: key: ")


def test_without_a_mapping_equal_senders_and_subjects_are_the_same() -> None:
    one, again = (told(box(), MAIL, "", NOON).alerts[0] for _ in range(2))
    other = told(box(), replace(MAIL, subject="else"), "", NOON).alerts[0]
    assert one.fingerprint == again.fingerprint != other.fingerprint


@pytest.mark.parametrize(("sender", "admitted"), [
    pytest.param("nas@example.com", True, id="of-the-domain"),
    pytest.param("NAS@EXAMPLE.COM", True, id="in-capitals"),
    pytest.param("boss@else.com", True, id="by-name"),
    pytest.param("other@else.com", False, id="another-of-the-place"),
    pytest.param("nas@sub.example.com", False, id="of-a-domain-below"),
    pytest.param("nas@example.com.evil.org", False, id="that-only-begins-so"),
])  # fmt: skip
def test_who_may_write(sender: str, admitted: bool) -> None:
    assert box().admits(sender) is admitted


@pytest.mark.parametrize(("changed", "why"), [
    pytest.param({}, "", id="a-mail"),
    pytest.param({"robot": "a bounce"}, "a bounce", id="a-machines-answer"),
    pytest.param({"writer": "tocsin@example.com"}, "a mail of our own", id="our-own"),
    pytest.param({"sender": "tocsin@example.com"}, "a mail of our own", id="our-own-forwarded"),
    pytest.param({"answers": ("<incident-12.0123456789abcdef@example.com>",)}, "a mail of our own",
                 id="an-answer-to-our-own"),
    pytest.param({"answers": ("<else@example.com>",)}, "", id="an-answer-to-another"),
    pytest.param({"hops": 51}, "it came through 51 servers", id="in-a-ring"),
])  # fmt: skip
def test_loops_make_no_alert(changed: dict[str, Any], why: str) -> None:
    assert why_none(replace(MAIL, **changed), OURS).startswith(why)
    assert bool(why_none(replace(MAIL, **changed), OURS)) is bool(why)
