"""Promise: no secret is told. Each place that takes one holds a canary, and all goes wrong."""

import asyncio
import base64
import json
import re
import sqlite3
import ssl
import sys
from contextlib import closing

import aiohttp
import pytest
import trustme

from tests.promises.conftest import Found
from tests.promises.tocsin import ROOT, Json, Tocsin, sample
from tests.promises.town import FULL
from tests.vendors.parrot import Parrot
from tests.vendors.smtp import Relay

CANARY = re.compile(r"canary-([a-z]+(?:-[a-z]+)*)-4711")
ADA = "canary-token-of-ada-4711"
EDGE = "canary-token-of-a-source-4711"
RELAY = "canary-relay-password-4711"
PAIRS = [
    base64.b64encode(f"tocsin:canary-{name}-password-4711".encode()).decode()
    for name in ("scrape", "numbers")
]
ENVIRON = {"BOT_TOKEN": "xoxb-canary-slack-bot-4711"}
SECRETS = (
    "slack-bot", "slack-app", "twilio-token", "relay-password", "teams-sig", "webhook-path",
    "webhook-key", "push-path", "heartbeat-path", "token-of-ada", "token-of-a-source",
    "link-secret", "signing-secret", "numbers-password", "forward-bearer",
    "forward-header", "scrape-password", "scrape-bearer",
)  # fmt: skip
ADDRESSES = {"slack": "C0ALARMS1", "sms": "+14155552601", "email": "ada@example.com"}


def canary(name: str) -> str:
    assert name in SECRETS
    return f"canary-{name}-4711"


def channels(parrot: Parrot, relay: Relay) -> Json:
    url = parrot.url
    return {
        "slack": {
            "bot_token": "${BOT_TOKEN}",
            "app_token": f"xapp-{canary('slack-app')}",
            "api_url": f"{url}/slack/",
        },
        "sms": {
            "account_sid": "AC" + "0" * 32,
            "auth_token_file": "twilio.txt",
            "from_number": "+14155550100",
            "api_url": f"{url}/twilio",
        },
        "email": {
            "host": "127.0.0.1", "port": relay.port, "ca_file": "ca.pem", "username": "tocsin",
            "password": RELAY, "from_address": "tocsin@example.com",
        },
        "teams": {"rooms": {"ops": f"{url}/teams/x?sig={canary('teams-sig')}"}},
        "webhook": {
            "urls": {"desk": f"{url}/webhook/{canary('webhook-path')}"},
            "keys": {"desk": canary("webhook-key")}, "allow": ["127.0.0.1"],
        },
        "push": {
            "urls": {"phone": url.replace("http", "json") + f"/push/{canary('push-path')}"}
        },
        "console": {},
    }  # fmt: skip


def written(parrot: Parrot, relay: Relay) -> Json:
    target = parrot.url.removeprefix("http://")
    rooms: list[Json] = [{"slack": "C0ALARMS1"}, {"teams": "ops"}, {"webhook": "desk"}]
    rooms += [{"push": "phone"}, {"email": "list@example.com"}, {"console": "alarms"}]
    step = {"notify": [{"person": "ada"}], "by": ["chat", "sms", "email", "push"]}
    return {
        "server": {
            "listen": "127.0.0.1:0",
            "public_url": "http://127.0.0.1:9099",
            "link_secret": canary("link-secret"),
            "tokens": [{"person": "ada", "token": ADA}],
        },
        "storage": {
            "directory": "data",
            "forward": {
                "url": f"{parrot.url}/forward", "bearer": canary("forward-bearer"),
                "headers": {"X-Scope-OrgID": canary("forward-header")},
            },
        },
        "rules": ["rules.yaml"],
        "own_host": {"enabled": False},
        "sources": {"edge": {"token": EDGE}},
        "scrape": [
            {
                "job": "basic", "targets": [target], "interval": "1s", "timeout": "1s",
                "basic": {"user": "tocsin", "password": canary("scrape-password")},
                "path": "/scrape/basic",
            },
            {
                "job": "bearer", "targets": [target], "interval": "1s", "timeout": "1s",
                "bearer": canary("scrape-bearer"), "path": "/scrape/bearer",
            },
        ],
        "people": {
            "ada": {
                "permission": "admin", "slack": "U0ADA0001", "phone": "+14155552601",
                "email": "ada@example.com", "addresses": {"push": "phone"},
            }
        },
        "policies": {"default": {"rooms": rooms, "steps": [step]}},
        "default_policy": "default",
        "routes": [{"policy": "default", "group_by": ["alertname", "instance"]}],
        "channels": channels(parrot, relay),
        "delivery": {"failover_after": "2s"},
        "heartbeat": {
            "url": f"{parrot.url}/heartbeat/{canary('heartbeat-path')}", "interval": "1s",
        },
        "console": {"enabled": True, "person": "ada"},
        "log": {"level": "debug"},
    }  # fmt: skip


class Listener:
    """Keeps all that anybody can read, by where it was read."""

    def __init__(self) -> None:
        self.heard: dict[str, str] = {}

    def hear(self, where: str, text: object) -> None:
        self.heard[where] = self.heard.get(where, "") + str(text)

    def canaries(self) -> dict[str, set[str]]:
        """Return which secrets were told where."""
        found = {where: set(CANARY.findall(text)) for where, text in self.heard.items()}
        for where, text in self.heard.items():
            found[where] |= {pair for pair in PAIRS if pair in text}
        return {where: names for where, names in found.items() if names}


async def told_by_api(tocsin: Tocsin, listener: Listener) -> None:
    """Read all that the server tells over HTTP."""
    paths = ["/metrics", "/-/healthy", "/-/ready", "/api/v1/incidents", "/api/v1/rules"]
    paths += ["/api/v1/alerts", "/api/v1/query?query=up", "/api/v1/status/buildinfo", "/nowhere"]
    paths += [f"/api/v1/incidents/{n}" for n in range(1, 9)] + ["/", "/answer/forged"]
    for path in paths:
        listener.hear(path, (await tocsin.get(path, Authorization=f"Bearer {ADA}"))[1])
        listener.hear(path, (await tocsin.get(path, Authorization="Bearer wrong"))[1])
    if (await tocsin.get("/"))[0] == 200:
        listener.hear("events", await events(tocsin))
    said = ["alerts", "oncall", "help", "doctor", "report alerts 1h", "report nothing"]
    for text in [*said, *(f"show {n}" for n in range(1, 9))]:
        listener.hear(text, await command(tocsin, text))


async def command(tocsin: Tocsin, text: str) -> str:
    url, headers = f"{tocsin.url}/api/v1/command", {"Authorization": f"Bearer {ADA}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json={"text": text}, headers=headers) as answer,
    ):
        return await answer.text()


async def events(tocsin: Tocsin) -> str:
    """Read what the console is told first."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{tocsin.url}/console/events") as answer,
    ):
        return (await asyncio.wait_for(answer.content.read(1 << 20), 10)).decode()


async def run(tocsin: Tocsin, *words: str) -> str:
    """Run a command of the command line; return all that it prints."""
    path = str(tocsin.directory / "config.yaml")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *words, "--config", path,
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", **ENVIRON},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(child.communicate(), 90)
    return out.decode()


def told_in_database(tocsin: Tocsin, listener: Listener) -> None:
    with closing(sqlite3.connect(tocsin.database)) as connection:
        connection.text_factory = lambda raw: raw.decode(errors="replace")
        listener.hear("database", "\n".join(connection.iterdump()))


FAULTS = (
    ('"interval": "1s"', '"interval": "never"'),
    ('"bot_token": "${BOT_TOKEN}"', '"bot_token": "${BOT_TOKEN} and more"'),
    ('"tokens": [', '"tokens": [{"person": "nobody", "token": "canary-token-of-ada-4711"},'),
    ('"allow": ["127.0.0.1"]', '"allow": ["canary-webhook-key-4711"]'),
    ('"url": "http', '"url": "ftp'),
    ('"keys": {', '"keys": {"other": "canary-webhook-key-4711", '),
)


async def poisoned(tocsin: Tocsin, listener: Listener) -> None:
    """Let a reload and `check` refuse this configuration, spoilt in one place after the other."""
    path = tocsin.directory / "config.yaml"
    right = json.dumps(json.loads(path.read_text()))
    url, headers = f"{tocsin.url}/-/reload", {"Authorization": f"Bearer {ADA}"}
    for old, new in FAULTS:
        assert old in right, old
        path.write_text(right.replace(old, new, 1))
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, headers=headers) as answer,
        ):
            assert answer.status in (200, 400), new
            listener.hear(f"reload of {new}", await answer.text())
    listener.hear("check", await run(tocsin, "check"))
    path.write_text(right)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def served(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_no_secret_is_told_by_a_server_whose_vendors_repeat_them(
    found: Found, authority: trustme.CA
) -> None:
    listener = Listener()
    async with Parrot() as parrot, Relay(tls=served(authority), user="tocsin") as relay:
        relay.next("AUTH", *([f"535 5.7.8 {RELAY} is wrong, tocsin"] * 99))
        tocsin = found(written(parrot, relay), FULL, environ=ENVIRON)
        authority.cert_pem.write_to_path(tocsin.directory / "ca.pem")
        (tocsin.directory / "twilio.txt").write_text(canary("twilio-token"))
        await tocsin.start(ready=False)
        for number in range(8):
            assert await tocsin.send([sample("level", 95, instance=f"i{number}")], EDGE) == 204
            await asyncio.sleep(0.3)
        asked = ("slack", "twilio", "teams", "webhook", "push", "heartbeat", "forward", "scrape")
        await tocsin.until(lambda: all(parrot.heard[name] >= 2 for name in asked), 30)
        await tocsin.until(lambda: relay.logins, 10)
        await tocsin.until(
            lambda: tocsin.count("select count(*) from outbox where error != ''"), 20
        )
        await told_by_api(tocsin, listener)
        await poisoned(tocsin, listener)
        commands = [["check"], ["doctor"]]
        commands += [["send-test", name, "--to", to] for name, to in ADDRESSES.items()]
        for words, said in zip(
            commands, await asyncio.gather(*(run(tocsin, *it) for it in commands)), strict=True
        ):
            listener.hear(" ".join(words), said)
        await tocsin.stop()
    told_in_database(tocsin, listener)
    listener.hear("log", tocsin.log)
    assert listener.canaries() == {}
    assert "<secret>" in listener.heard["database"], "a vendor's words were kept, struck out"


async def test_no_secret_is_told_of_a_remote_that_repeats_them(found: Found) -> None:
    listener = Listener()
    async with Parrot() as parrot, Relay() as relay:
        config = written(parrot, relay)
        pair = {"user": "tocsin", "password": canary("numbers-password")}
        remote = {"url": f"{parrot.url}/numbers", "basic": pair, "expect": "1s"}
        config["storage"] = {"directory": "data", "metrics": {"prometheus": remote}}
        slack = config["channels"]["slack"]
        del slack["app_token"]
        slack["signing_secret"] = canary("signing-secret")
        config["server"]["public_url"] = "https://tocsin.example.com"
        sms = config["channels"]["sms"]
        config |= {"scrape": [], "channels": {"slack": slack, "sms": sms}, "sources": {}}
        del config["console"], config["people"]["ada"]["addresses"]
        by = [{"notify": [{"person": "ada"}], "by": ["chat", "sms"]}]
        config["policies"]["default"] = {"rooms": [{"slack": "C0ALARMS1"}], "steps": by}
        tocsin = found(config, FULL, environ=ENVIRON)
        (tocsin.directory / "twilio.txt").write_text(canary("twilio-token"))
        await tocsin.start(ready=False)
        await tocsin.until(lambda: parrot.heard["numbers"] >= 9, 30)
        await told_by_api(tocsin, listener)
        for n in range(14):
            path = f"/api/v1/query?query=up{n}"
            listener.hear(path, (await tocsin.get(path, Authorization=f"Bearer {ADA}"))[1])
        listener.hear("doctor", await run(tocsin, "doctor", "numbers", "slack"))
        await tocsin.stop()
    told_in_database(tocsin, listener)
    listener.hear("log", tocsin.log)
    assert listener.canaries() == {}
