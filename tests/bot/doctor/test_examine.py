"""All checks together: none breaks, none tells a secret, each has its end."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.cli import main
from bot.config import channels
from bot.doctor import examine as examining
from bot.doctor.check import Check, Patient
from bot.doctor.examine import all_checks, examine
from bot.doctor.show import told
from routing.finding import Finding, Group, Verdict, worst
from tests.bot.config.town import ENVIRON
from tests.bot.doctor.ward import WRITTEN, amiss, patient

NOWHERE = "http://127.0.0.1:1"


def cut_off(folder: Path) -> Patient:
    """Everything is configured, and nobody answers."""
    away = {
        "slack": {"bot_token": "${BOT}", "app_token": "${APP}", "api_url": f"{NOWHERE}/api/"},
        "sms": {
            "account_sid": "AC1", "auth_token": "${TWILIO}", "from_number": "+14155550100",
            "api_url": NOWHERE,
        },
        "email": {"host": "127.0.0.1", "port": 1, "tls": "off", "from_address": "t@example.com"},
        "teams": {"rooms": {"ops": f"{NOWHERE}/x?sig=very-secret"}},
        "webhook": {
            "urls": {"desk": f"{NOWHERE}/very-secret"}, "keys": {"desk": "very-secret-key-of-24.."},
            "allow": ["127.0.0.1"],
        },
        "push": {"urls": {"phone": "ntfys://ntfy.sh/very-secret"}},
    }  # fmt: skip
    numbers = {"prometheus": {"url": NOWHERE, "bearer": "very-secret-bearer"}}
    return patient(
        folder,
        channels=away,
        heartbeat={"url": f"{NOWHERE}/very-secret"},
        storage={"metrics": numbers, "forward": {"url": NOWHERE, "bearer": "very-secret"}},
    )


async def test_every_check_stands_a_world_that_is_away(tmp_path: Path) -> None:
    there = cut_off(tmp_path)
    findings = await examine(there)
    made = all_checks().keys() - (set(channels.names()) - there.config.channels.keys())
    assert {it.group for it in findings} == made
    assert not [it for it in findings if "could not be examined" in it.text], amiss(findings)
    assert not [it for it in findings if it.verdict is not Verdict.OK and not it.advice]
    assert "very-secret" not in str(findings)
    assert worst(findings) is Verdict.FAULT


async def test_every_check_has_an_end_and_a_fault_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(_: Patient, group: Group) -> AsyncIterator[Finding]:
        yield group.ok("it begins")
        await asyncio.sleep(3600)

    async def breaks(_: Patient, group: Group) -> AsyncIterator[Finding]:
        yield group.ok("it begins")
        raise LookupError("xoxb-very-secret")

    checks = {name: Check(name=name, examine=it) for name, it in (("a", hangs), ("b", breaks))}
    monkeypatch.setattr(examining, "all_checks", lambda: checks)
    monkeypatch.setattr(examining, "PATIENCE", 0.2)
    found = [(it.group, str(it.verdict), it.text) for it in await examine(patient(tmp_path))]
    assert found[:4] == [
        ("a", "ok", "it begins"),
        ("a", "fault", "no answer within 0 s"),
        ("b", "ok", "it begins"),
        ("b", "fault", "could not be examined (LookupError)"),
    ]
    assert ("sms", "warning") in {it[:2] for it in found}, "a channel without a check is named"


async def test_what_is_said_is_cleaned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def tells(_: Patient, group: Group) -> AsyncIterator[Finding]:
        yield group.fault("they said xoxb-very-secret\nand more", "use xapp-very-secret")

    checks = {"slack": Check(name="slack", examine=tells)}
    monkeypatch.setattr(examining, "all_checks", lambda: checks)
    (only,) = await examine(patient(tmp_path), ["slack"])
    assert (only.text, only.advice) == ("they said <secret> and more", "use <secret>")


def test_it_is_shown_by_groups_with_what_to_do() -> None:
    slack, clock = Group("slack"), Group("clock")
    assert told([slack.ok("in"), slack.fault("out " * 40, "mend it"), clock.warning("w", "x")]) == (
        "slack\n"
        "  ok       in\n"
        f"  fault    {('out ' * 22).strip()}\n           {('out ' * 18).strip()}\n"
        "           -> mend it\n"
        "\n"
        "clock\n"
        "  warning  w\n"
        "           -> x\n"
        "\n"
        "1 fault, 1 warning, 1 in order."
    )


def test_the_command_ends_with_one_where_something_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("PORT", raising=False)
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(WRITTEN))

    def ends(*words: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["doctor", "-c", str(path), *words])
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err

    code, out, _ = ends("samples", "configuration")
    assert (code, out.splitlines()[-1]) == (0, "0 faults, 0 warnings, 3 in order.")
    (tmp_path / "data").write_text("no folder")
    code, out, _ = ends("samples", "--json")
    found = json.loads(out)
    assert (code, found["verdict"]) == (1, "fault")
    assert set(found["findings"][0]) == {"group", "verdict", "text", "advice"}
    code, _, err = ends("slak")
    assert (code, "did you mean 'slack'?" in err) == (2, True)
    path.write_text("people: 3")
    assert ends()[0] == 2
