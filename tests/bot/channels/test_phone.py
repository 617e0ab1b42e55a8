"""The simulated phone: what rang survives a kill, and an extra copy is counted."""

from pathlib import Path

import pytest

from bot.channels.phone import CHANNEL, Phone, PhoneOptions, inbox
from routing.delivery.channel import Message, TryLater
from storage.model.alert import Severity
from storage.model.delivery import Purpose
from storage.model.incident import Status

PAGE = Message(
    purpose=Purpose.PAGE,
    title="#12 CheckoutSlow",
    incident=12,
    status=Status.TRIGGERED,
    severity=Severity.CRITICAL,
    summary="p95 is 2 s",
)


async def test_an_sms_is_kept_and_an_extra_copy_counted(tmp_path: Path) -> None:
    options = PhoneOptions(path=tmp_path / "phone.jsonl")
    assert inbox(options.path) == ()
    await Phone(options).send(PAGE, "+1 555 0100", "one", None)
    await Phone(options).send(PAGE, "+1 555 0100", "two", None)
    await Phone(options).send(PAGE, "+1 555 0100", "one", None)
    found = inbox(options.path)
    assert [(sms.key, sms.copy, sms.incident) for sms in found] == [
        ("one", 0, 12),
        ("two", 0, 12),
        ("one", 1, 12),
    ]
    assert found[0].text.startswith("#12 CRITICAL CheckoutSlow")
    assert found[0].to == "+1 555 0100"


async def test_a_line_cut_off_by_a_kill_spoils_only_itself(tmp_path: Path) -> None:
    options = PhoneOptions(path=tmp_path / "phone.jsonl")
    await Phone(options).send(PAGE, "you", "one", None)
    with options.path.open("ab") as file:
        file.write(b'\n{"at": 1, "to": "y')
    await Phone(options).send(PAGE, "you", "two", None)
    assert [sms.key for sms in inbox(options.path)] == ["one", "two"]


async def test_a_disk_that_refuses_is_tried_later(tmp_path: Path) -> None:
    with pytest.raises(TryLater):
        await Phone(PhoneOptions(path=tmp_path)).send(PAGE, "you", "one", None)


def test_it_is_no_chat() -> None:
    assert (CHANNEL.name, CHANNEL.is_chat, CHANNEL.proves) == ("phone", False, False)
