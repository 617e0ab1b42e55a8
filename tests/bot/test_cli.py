"""The command line: exit codes, what it prints, and the verbs against a running server."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from ruamel.yaml import YAML

from bot import cli_send_test as sending
from bot.chat.manifest import manifest
from bot.chat.speak import verbs
from bot.cli import main
from bot.cli_send_test import send_test
from bot.cli_server import aligned, clean
from bot.config.channels import Opened
from bot.config.config import Config, PersonSection, PolicySection
from routing.delivery.channel import ChannelKind, Message, Receipt, Rejected, TryLater
from storage.errors import BotError
from storage.model.delivery import DeliveryStatus, Post
from tests.bot.config.town import ENVIRON, SOUND
from tests.bot.web.conftest import ADA, EVE, Serve, Stage, serve, stage
from tests.bot.web.test_api import an_incident

__all__ = ["serve", "stage"]

RULES = """\
groups:
  - name: shop
    rules:
      - {alert: Slow, expr: latency > 1}
"""


@dataclass
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs `tocsin` in this process."""
    for name in ("TOCSIN_TOKEN", "TOCSIN_URL", "TOCSIN_CONFIG", "PORT", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)

    def tocsin(*arguments: str) -> Ran:
        code: object = None
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        assert isinstance(code, int)
        return Ran(code, printed.out, printed.err)

    return tocsin


def written(folder: Path, text: str = SOUND) -> str:
    path = folder / "config.yaml"
    path.write_text(text)
    return str(path)


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from bot.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'numpy', 'sqlalchemy', 'aiohttp', 'slack_sdk', 'starlette', "
        "'pydantic'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    commands = (
        "serve demo check migrate rules alerts show ack resolve snooze oncall report "
        "send-test slack"
    )
    for command in commands.split():
        assert f"\n  {command} " in done.stdout


def test_check_counts_what_is_well(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    path = written(tmp_path, SOUND + "rules: [rules.yaml]\n")
    ran = run("check", "--config", path)
    assert ran.out == (
        f"{path}: all is well: people 2, policies 1, rule files 1, rules 1, channels slack, sms\n"
    )
    assert (ran.code, ran.err) == (0, "")


def test_check_tells_the_faults_of_configuration_and_rules_together(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES.replace("latency > 1", "latenc(y > 1"))
    path = written(tmp_path, SOUND + "rules: [rules.yaml]\nlog: {level: loud}\n")
    ran = run("check", "-c", path)
    assert (ran.code, ran.out) == (2, "")
    first, *rest = ran.err.splitlines()
    assert first.startswith(f"{path}:16:14 log.level: found 'loud'")
    assert rest
    assert all(line.startswith(f"{tmp_path}/rules.yaml:4:") for line in rest)


def test_a_missing_configuration_is_named(run: Run, tmp_path: Path) -> None:
    for command in ("check", "migrate", "serve"):
        ran = run(command, "--config", str(tmp_path / "none.yaml"))
        assert ran == Ran(
            2, "", f"{tmp_path}/none.yaml: cannot be read: No such file or directory\n"
        )


def test_rules_check_advises_or_refuses(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    ran = run("rules", "check", str(path))
    assert (ran.code, ran.err) == (0, "")
    *advice, verdict = ran.out.splitlines()
    assert [line.split(": ")[0] for line in advice] == [f"{path}:4:9"] * len(advice)
    assert any("no annotation 'runbook_url'" in line for line in advice)
    found = len(advice)
    assert verdict == f"No fault; {found} to look at: files 1, groups 1, rules 1."
    path.write_text(RULES.replace("expr:", "exprr:"))
    ran = run("rules", "check", str(path))
    assert ran.code == 2
    assert "did you mean 'expr'?" in ran.err


def test_migrate_makes_the_database(run: Run, tmp_path: Path) -> None:
    ran = run("migrate", "--config", written(tmp_path))
    assert (ran.code, ran.err) == (0, "")
    assert (tmp_path / "data" / "tocsin.db").is_file()


async def test_the_verbs_speak_to_the_running_server(
    run: Run, serve: Serve, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await an_incident(stage)
    client = await serve(people_tokens={ADA: "the-token-of-ada", EVE: "the-token-of-eve"})
    monkeypatch.setenv("TOCSIN_URL", str(client.base_url))

    async def say(*words: str, token: str = "the-token-of-ada") -> Ran:
        return await asyncio.to_thread(run, *words, "--token", token)

    listed = await say("alerts")
    assert listed.code == 0
    first, head, row = listed.out.splitlines()
    assert first == "1 open incident: 1 critical."
    assert head.split() == ["#", "severity", "stands", "title", "began"]
    assert row.startswith("1  critical  triggered")
    eve = await say("ack", "1", token="the-token-of-eve")
    assert (eve.code, eve.err) == (
        1,
        "Not allowed: `ack` needs the permission `respond`; Eve has `view`.\n",
    )
    assert await say("ack", "1", "for", "2h", "-v", "looking") == Ran(
        0, "#1 CheckoutSlow: yours for 2 h, escalation stopped\n", ""
    )
    assert await say("ack", "9") == Ran(1, "", "#9: no incident has the number 9\n")
    assert (await say("show", "1")).out.startswith("#1 CheckoutSlow\ncritical")
    assert (await say("resolve", "1")).code == 0
    refused = await say("alerts", token="the-token-of-none")
    assert refused.code == 1
    assert refused.err.endswith("TOCSIN_TOKEN or --token must be one of server.tokens\n")


class Shady(BaseHTTPRequestHandler):
    """A server that answers what a test wants."""

    answers: dict[str, tuple[int, bytes, dict[str, str]]] = {}  # noqa: RUF012  set by the fixture
    heard: list[tuple[str, str]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.heard.append((self.path, body["text"]))
        status, content, headers = self.answers[body["text"]]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def reply(text: str = "done", **more: object) -> tuple[int, bytes, dict[str, str]]:
    return (200, json.dumps({"text": text, "table": [], "attachments": [], **more}).encode(), {})


@pytest.fixture
def shady(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Shady]]:
    """A server that cannot be trusted, where the command line looks for Tocsin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shady)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("TOCSIN_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("TOCSIN_TOKEN", "the-token")
    Shady.heard, Shady.answers = [], {}
    yield Shady
    server.shutdown()
    thread.join()
    server.server_close()


FILES = [{"name": "../../evil.md", "media_type": "text/markdown", "content_base64": "IyBoZWxsbw=="}]


def test_a_report_is_printed_or_written(run: Run, shady: type[Shady], tmp_path: Path) -> None:
    shady.answers = {
        "report alerts 24h md": reply("head", attachments=FILES),
        "report alerts": reply("head", table=[["a", "b"], ["long", "1"]]),
    }
    assert run("report", "alerts", "24h", "--format", "markdown").out == "# hello\n"
    assert run("report", "alerts").out == "head\na     b\nlong  1\n"
    folder = tmp_path / "deep" / "out"
    ran = run("report", "alerts", "24h", "--format", "markdown", "--output", str(folder))
    assert ran.out == f"head\n{folder}/evil.md\n"
    assert (folder / "evil.md").read_text() == "# hello"
    assert list(tmp_path.rglob("evil.md")) == [folder / "evil.md"]


def test_control_characters_do_not_reach_the_terminal(run: Run, shady: type[Shady]) -> None:
    evil = "\x1b]0;owned\x07 \x9b31m\r\u202e"
    shady.answers["alerts"] = reply(evil, table=[[evil, "a\nb"]])
    out = run("alerts").out
    assert not set(out) & set("\x1b\x07\x9b\r\u202e")
    assert "a b" in out


def test_a_redirect_does_not_carry_the_token_away(run: Run, shady: type[Shady]) -> None:
    shady.answers["alerts"] = (307, b"", {"Location": "/elsewhere"})
    ran = run("alerts")
    assert (ran.code, shady.heard) == (1, [("/api/v1/command", "alerts")])
    assert "answered 307" in ran.err


@pytest.mark.parametrize(("answer", "words"), [
    ((503, b'{"error": "the database is away"}', {}), "answered 503: the database is away"),
    ((404, b"<html>", {}), "answered 404: Not Found"),
    ((200, b"<html>", {}), "does not answer like Tocsin"),
    ((200, b"[]", {}), "does not answer like Tocsin"),
])  # fmt: skip
def test_what_is_not_an_answer_ends_with_1(
    run: Run, shady: type[Shady], answer: tuple[int, bytes, dict[str, str]], words: str
) -> None:
    shady.answers["alerts"] = answer
    ran = run("alerts")
    assert (ran.code, ran.out) == (1, "")
    assert words in ran.err
    assert "the-token" not in ran.err


def test_without_a_token_or_a_server_it_says_what_to_do(run: Run) -> None:
    assert run("alerts") == Ran(
        1, "", "No token: set TOCSIN_TOKEN or --token to one that server.tokens gives to you.\n"
    )
    ran = run("alerts", "--token", "x", "--url", "http://127.0.0.1:1")
    assert ran.code == 1
    assert "Is `tocsin serve` running?" in ran.err
    assert run("alerts", "--token", "x", "--url", "file:///etc/passwd").code == 1


@dataclass
class Trial:
    """A channel whose every call is written down."""

    fails: Exception | None = None
    later: DeliveryStatus = DeliveryStatus.DELIVERED
    sent: list[tuple[str, str]] = field(default_factory=list)
    closed: int = 0

    async def send(self, message: Message, address: str, key: str, post: Post | None) -> Receipt:
        assert key.startswith("test/")
        assert post is None
        if self.fails:
            raise self.fails
        self.sent.append((address, message.title))
        return Receipt(provider_id="SM1")

    async def outcome(self, provider_id: str) -> Receipt:
        return Receipt(provider_id=provider_id, status=self.later, error="unknown handset")

    async def close(self) -> None:
        self.closed += 1

    def config(self, *, proves: bool = True) -> Config:
        @dataclass
        class Options:
            pass

        async def opening(_: object) -> Trial:
            return self

        kind = ChannelKind(name="sms", options=Options, open=opening, proves=proves)
        person = PersonSection.model_validate({"phone": "+4930901820"})
        return Config(channels={"sms": Opened(kind, Options())}, people={"ada": person})


async def test_a_test_message_without_proof_is_not_called_delivered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "_PAUSE", 0.5)
    monkeypatch.setattr(sending, "PROOF_WITHIN", timedelta(seconds=0.5))
    trial = Trial(later=DeliveryStatus.SENT)
    assert await send_test(trial.config(), "sms", None) == (
        "sms: sent to +4930901820 (SM1); no proof of delivery yet"
    )


async def test_a_test_message_goes_to_a_room_where_nobody_has_an_address() -> None:
    config = Trial().config(proves=False).model_copy(update={"people": {}})
    with pytest.raises(BotError, match=r"^Nobody has an address on sms; say one with --to\.$"):
        await send_test(config, "sms", None)
    steps = [{"notify": [{"person": "ada"}]}]
    policy = PolicySection.model_validate({"steps": steps, "rooms": [{"sms": "C1"}]})
    roomy = config.model_copy(update={"policies": {"shop": policy}})
    assert await send_test(roomy, "sms", None) == "sms: sent to C1 (SM1)"


async def test_a_test_message_is_sent_and_followed() -> None:
    trial = Trial()
    assert await send_test(trial.config(), "sms", None) == "sms: delivered to +4930901820 (SM1)"
    assert trial.sent == [("+4930901820", "A test from Tocsin")]
    assert await send_test(trial.config(proves=False), "sms", "+1") == "sms: sent to +1 (SM1)"
    assert trial.closed == 2


@pytest.mark.parametrize(("trial", "channel", "sentence"), [
    (Trial(fails=Rejected("no such number", advice="Buy it.")), "sms",
        "sms refused: no such number. Buy it."),
    (Trial(fails=TryLater("busy")), "sms", "sms cannot send now: busy"),
    (Trial(later=DeliveryStatus.FAILED), "sms",
        "sms took it, and could not deliver it to +4930901820: unknown handset"),
    (Trial(), "smss", "send-test: no channel is called 'smss'; did you mean 'sms'? known: sms"),
])  # fmt: skip
async def test_a_test_message_that_fails_says_why(
    trial: Trial, channel: str, sentence: str
) -> None:
    with pytest.raises(BotError) as refused:
        await send_test(trial.config(), channel, None)
    assert str(refused.value) == sentence
    assert trial.closed == (channel == "sms")


def test_the_manifest_asks_for_what_is_used_and_no_more(run: Run) -> None:
    document = YAML(typ="safe").load(run("slack", "manifest").out)
    assert document["settings"]["socket_mode_enabled"] is True
    assert document["settings"]["interactivity"]["is_enabled"] is True
    assert [c["command"] for c in document["features"]["slash_commands"]] == ["/tocsin"]
    assert {"chat:write", "chat:write.public", "commands", "files:write", "users:read"} <= set(
        document["oauth_config"]["scopes"]["bot"]
    )
    short = YAML(typ="safe").load(manifest(verbs().values(), short_forms=True))
    commands = {c["command"]: c for c in short["features"]["slash_commands"]}
    assert sorted(commands) == ["/ack", "/alerts", "/report", "/resolve", "/tocsin"]
    assert commands["/ack"]["usage_hint"] == "[incident...] [for <duration>] [note]"
    assert all(len(c["description"]) <= 2_000 for c in commands.values())


HTTP = ("app_token", '"${APP}"'), ("signing_secret", "0123456789abcdef0123456789abcdef")
PUBLIC = "server: {public_url: https://tocsin.example.com/}\ncommands: {short_forms: true}\n"
CALLED = "https://tocsin.example.com/slack/events"


def over_http(text: str = SOUND) -> str:
    return text.replace(": ".join(HTTP[0]), ": ".join(HTTP[1]))


@pytest.mark.parametrize("by_config", [False, True])
def test_the_manifest_for_http_names_our_address_wherever_slack_calls(
    run: Run, tmp_path: Path, by_config: bool
) -> None:
    said = ("--http", "https://tocsin.example.com", "--short-forms")
    if by_config:
        said = ("--config", written(tmp_path, over_http() + PUBLIC))
    document = YAML(typ="safe").load(run("slack", "manifest", *said).out)
    assert document["settings"]["socket_mode_enabled"] is False
    assert document["settings"]["interactivity"] == {"is_enabled": True, "request_url": CALLED}
    commands = document["features"]["slash_commands"]
    assert {command["url"] for command in commands} == {CALLED}
    assert len(commands) == 5


def test_the_manifest_for_a_configuration_with_socket_mode(run: Run, tmp_path: Path) -> None:
    ran = run("slack", "manifest", "--config", written(tmp_path, SOUND + PUBLIC))
    document = YAML(typ="safe").load(ran.out)
    assert document["settings"]["socket_mode_enabled"] is True
    assert CALLED not in ran.out


@pytest.mark.parametrize(
    "address",
    [
        "http://tocsin.example.com",
        "tocsin.example.com",
        "https://127.0.0.1",
        "https://[",
        "https://",
    ],
)
def test_an_address_that_slack_cannot_call_is_refused(run: Run, address: str) -> None:
    ran = run("slack", "manifest", "--http", address)
    assert (ran.code, ran.out) == (2, "")
    assert "Slack calls public https addresses only" in ran.err


def test_a_configuration_that_does_not_say_where_is_told(run: Run, tmp_path: Path) -> None:
    ran = run("slack", "manifest", "--config", written(tmp_path, over_http()))
    assert ran.code == 2
    assert "server.public_url" in ran.err


def test_columns_are_aligned_and_rows_may_be_short() -> None:
    assert aligned([["a", "b"], ["ccc"], ["d", "ee"]]) == "a    b\nccc\nd    ee"
    assert clean("a\tb\n\x00c") == "a\tb\n\ufffdc"
