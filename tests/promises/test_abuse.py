"""Strangers and hostile text: refused with a reason, shown as text, and no secret ever told."""

import asyncio
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import cramjam
import psutil
import pytest

from tests.promises.conftest import Found
from tests.promises.tocsin import ROOT, Json, Tocsin, sample, token_of
from tests.promises.town import EDGE, step, town
from tests.vendors.process import Remote

MIB = 1 << 20
WRITE = {
    "Authorization": f"Bearer {EDGE}",
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
}
HEARTBEAT = "http://127.0.0.1:9/ping/heartbeat-secret-4711"


async def raw(tocsin: Tocsin, request: str) -> str:
    """Say these very bytes and return the answer; an HTTP client would tidy them up."""
    place = urlsplit(tocsin.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(request.replace("\n", "\r\n").encode())
    try:
        return (await asyncio.wait_for(reader.read(MIB), 10)).decode(errors="replace")
    finally:
        writer.close()


def status_of(answer: str) -> int:
    return int(answer.split(" ", 2)[1])


@pytest.fixture
async def tocsin(found: Found, twilio: Remote) -> Tocsin:
    """A running one, with a console."""
    config = town(twilio) | {"console": {"enabled": True, "person": "ada"}}
    there = found(config)
    await there.start()
    return there


async def test_whoever_has_no_token_changes_nothing(
    tocsin: Tocsin, session: aiohttp.ClientSession
) -> None:
    body = [sample("level", 95, instance="a")]
    wrong = ("", "edge-token-012345678", "x" * 5000, EDGE.upper(), token_of("ada"), "' OR '1'='1")
    for token in wrong:
        assert await tocsin.send(body, token) in (401, 403), token
    async with session.post(f"{tocsin.url}/ingest/json", json=body) as answer:
        assert answer.status == 401
    async with session.post(f"{tocsin.url}/api/v1/write", data=b"", headers={}) as answer:
        assert answer.status == 401
    for token in (EDGE, "nobody", token_of("ada") + "x"):
        headers = {"Authorization": f"Bearer {token}"}
        text = {"text": "oncall take 8h"}
        url = f"{tocsin.url}/api/v1/command"
        async with session.post(url, json=text, headers=headers) as answer:
            assert answer.status == 403, token
        async with session.get(f"{tocsin.url}/api/v1/incidents", headers=headers) as answer:
            assert answer.status == 403
    assert tocsin.count("select count(*) from incidents") == 0
    assert tocsin.count("select count(*) from overrides") == 0
    assert EDGE.upper() not in tocsin.log


async def test_bombs_and_giants_are_refused_in_bounded_memory(
    tocsin: Tocsin, session: aiohttp.ClientSession
) -> None:
    process = psutil.Process(tocsin.pid)
    url = f"{tocsin.url}/api/v1/write"
    assert await tocsin.send([sample("level", 5, instance="a")]) == 204
    before = process.memory_info().rss
    bomb = bytes(cramjam.snappy.compress_raw(bytes(64 * MIB)))
    assert len(bomb) < 4 * MIB, "it passes the limit of what is sent"
    liar = b"\xff\xff\xff\xff\x0f" + b"\x00" * 100  # says that 4 GiB follow
    peak = before
    for body in (bomb, liar, bomb, bomb):
        async with session.post(url, data=io.BytesIO(body), headers=WRITE) as answer:
            assert answer.status == 413, await answer.text()
            assert "error" in await answer.json()
        peak = max(peak, process.memory_info().rss)
    giant = b"[" + b" " * (6 * MIB)
    headers = {"Authorization": f"Bearer {EDGE}", "Content-Type": "application/json"}
    async with session.post(
        f"{tocsin.url}/ingest/json", data=io.BytesIO(giant), headers=headers
    ) as answer:
        assert answer.status == 413
    nested = b"[" * 200_000
    async with session.post(
        f"{tocsin.url}/ingest/json", data=io.BytesIO(nested), headers=headers
    ) as answer:
        assert answer.status == 400
    peak = max(peak, process.memory_info().rss)
    print(f"memory: {before / MIB:.0f} MiB before, at most {peak / MIB:.0f} MiB seen")
    assert peak - before < 50 * MIB
    assert await tocsin.send([sample("level", 6, instance="a")]) == 204


async def test_slow_senders_hold_up_nobody(tocsin: Tocsin) -> None:
    place = urlsplit(tocsin.url)
    wires = [await asyncio.open_connection(place.hostname, place.port) for _ in range(20)]
    head = (
        f"POST /ingest/json HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 1000\r\n"
        f"Authorization: Bearer {EDGE}\r\nContent-Type: application/json\r\n\r\n[ "
    )
    try:
        for _, writer in wires:
            writer.write(head.encode())
        for turn in range(5):
            for _, writer in wires:
                writer.write(b" ")
            began = time.monotonic()
            assert await tocsin.send([sample("level", float(turn), instance="a")]) == 204
            assert (await tocsin.get("/-/healthy"))[0] == 200
            assert time.monotonic() - began < 1.0
            await asyncio.sleep(0.1)
    finally:
        for _, writer in wires:
            writer.close()


HOSTILE = (
    "'; DROP TABLE incidents; --",
    '" OR 1=1 --',
    "<script>alert(1)</script>",
    "{{ 7*7 }}${7*7}",
    "<!channel> <@U0ADA0001>",
    "a\nHTTP/1.1 200 OK\r\n\x1b[31mred",
    "../../../../etc/passwd",
    "=cmd|' /C calc'!A0",
)


async def test_hostile_labels_are_text_everywhere(tocsin: Tocsin, twilio: Remote) -> None:
    hosts = [sample("level", 95, instance=text) for text in HOSTILE]
    assert await tocsin.send(hosts) == 204
    ringing = "select count(*) from incidents where status = 'triggered'"
    await tocsin.until(lambda: tocsin.count(ringing) == len(HOSTILE), 10)
    await twilio.ask("wait", method="Messages.create", calls=len(HOSTILE), within=10)
    for one in await twilio.ask("messages"):
        assert "49" not in one["body"]
        assert "\n" not in one["body"]
        assert "\x1b" not in one["body"]
    for text in HOSTILE:
        for sentence in (f"show {text}", f"ack {text}", f"resolve 1 {text}", f"report {text}"):
            answer = await tocsin.say(sentence[:2000])
            assert answer is not None
            assert answer["status"] == 200, sentence
            assert "Traceback" not in answer["text"]
    headers = {"Authorization": f"Bearer {token_of('ada')}"}
    for query in ("status=open'%20OR%201=1", "limit=1;DROP", "limit=-1", "status=%00"):
        assert (await tocsin.get(f"/api/v1/incidents?{query}", **headers))[0] == 400
    assert (await tocsin.get("/api/v1/incidents/99999999999999999999", **headers))[0] == 404
    assert tocsin.count("select count(*) from incidents") == len(HOSTILE)
    assert "request broke" not in tocsin.log
    assert "\x1b" not in tocsin.log
    assert tocsin.rows("pragma integrity_check")[0][0] == "ok"


WAYS_OUT = (
    "/static/../../config.yaml",
    "/static/..%2f..%2fconfig.yaml",
    "/static/%2e%2e/%2e%2e/app.py",
    "/static/....//....//app.py",
    "/static//etc/passwd",
    "/static/%00",
    "/static/..\\..\\app.py",
    "/console/files/..%2f..%2fconfig.yaml",
    "//etc/passwd",
    "/static/",
)


async def test_no_path_leads_out_of_the_static_folder(tocsin: Tocsin) -> None:
    host = urlsplit(tocsin.url).netloc
    for path in WAYS_OUT:
        answer = await raw(tocsin, f"GET {path} HTTP/1.1\nHost: {host}\nConnection: close\n\n")
        assert status_of(answer) in (400, 403, 404, 405), path
        assert "token" not in answer
        assert "root:" not in answer
        assert "import " not in answer


FOREIGN = (
    {"Host": "evil.example"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "127.0.0.1:1"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
)


async def test_foreign_pages_cannot_use_the_console(tocsin: Tocsin) -> None:
    assert await tocsin.send([sample("level", 95, instance="a")]) == 204
    await tocsin.until(lambda: tocsin.count("select count(*) from incidents") == 1, 10)
    host, body = urlsplit(tocsin.url).netloc, json.dumps({"text": "/resolve 1"})
    say = f"POST /console/say HTTP/1.1\nContent-Length: {len(body)}\nConnection: close\n"
    for foreign in FOREIGN:
        headers = {"Host": host, "Content-Type": "application/json"} | foreign
        lines = "".join(f"{name}: {value}\n" for name, value in headers.items())
        for path in ("/", "/console/events"):
            answer = await raw(tocsin, f"GET {path} HTTP/1.1\n{lines}Connection: close\n\n")
            assert status_of(answer) == 403, (path, foreign)
        assert status_of(await raw(tocsin, f"{say}{lines}\n{body}")) == 403, foreign
    ours = f"Host: {host}\nContent-Type: application/json\n"
    assert status_of(await raw(tocsin, f"{say}{ours}\n{body}")) == 403, "no CSRF token"
    assert tocsin.rows("select status from incidents")[0][0] == "triggered"


async def test_every_answer_distrusts_what_is_not_ours(
    tocsin: Tocsin, session: aiohttp.ClientSession
) -> None:
    for path in ("/", "/static/console.js", "/-/healthy", "/metrics", "/nowhere", "/api/v1/write"):
        async with session.get(tocsin.url + path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "unsafe" not in policy, path
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with session.get(tocsin.url + "/") as answer:
        cookie = answer.headers["Set-Cookie"].lower()
    assert "samesite=strict" in cookie
    assert "httponly" in cookie


def check(directory: Path, text: str) -> tuple[int, str, float, int]:
    """Run `check` on this configuration; return exit code, output, CPU seconds, peak memory."""
    (directory / "config.yaml").write_text(text)
    script = (
        "import resource, subprocess, sys;"
        "done = subprocess.run(sys.argv[1:], capture_output=True, text=True, timeout=30);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "seconds = used.ru_utime + used.ru_stime;"
        "print(done.returncode, seconds, used.ru_maxrss, done.stdout + done.stderr)"
    )
    command = [sys.executable, "-m", "bot", "check", "--config", str(directory / "config.yaml")]
    done = subprocess.run(
        [sys.executable, "-c", script, *command],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    code, seconds, peak, said = done.stdout.split(" ", 3)
    return int(code), said, float(seconds), int(peak) * 1024


LAUGHS = "\n".join(
    ["a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    + [
        f"{b}: &{b} [{', '.join(['*' + a] * 9)}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
)
MERGED = "\n".join(
    ["a: &a {k0: 1}"]
    + [
        f"x{n}: &x{n} {{<<: [{', '.join(['*a' if n == 0 else f'*x{n - 1}'] * 9)}]}}"
        for n in range(9)
    ]
)


def test_yaml_bombs_and_tags_are_refused_at_once_and_run_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made-by-a-tag"
    code = {
        "python": f'a: !!python/object/apply:os.system ["touch {made}"]',
        "module": "a: !!python/name:os.system",
        "laughs": LAUGHS,
        "merged": MERGED,
        "deep": "[" * 5_000,
        "deep mapping": "a: " + "{a: " * 5_000,
    }
    plain, _, usual, memory = check(tmp_path, "people: 3")
    assert plain == 2
    for name, text in code.items():
        exit_code, said, seconds, peak = check(tmp_path, text)
        print(f"{name}: {seconds - usual:+.2f} s, {(peak - memory) / MIB:+.0f} MiB")
        assert exit_code == 2, (name, said[:500])
        assert "Traceback" not in said, name
        assert "config.yaml" in said
        assert seconds < usual + 1.0, name
        assert peak < memory + 100 * MIB, name
    assert not made.exists()


async def test_no_secret_is_told_after_a_day_full_of_trouble(
    found: Found, twilio: Remote, slack: Remote, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    config = town(twilio, slack, [step("ada", 0, "chat", "sms"), step("ben", 1)])
    config |= {
        "heartbeat": {"url": HEARTBEAT, "interval": "1s"},
        "log": {"level": "debug"},
        "delivery": {"failover_after": "2s", "single": 0},
    }
    tocsin = found(config)
    await tocsin.start()
    await slack.ask("connected")
    heard: list[str] = []
    for vendor, fault in (
        (slack, {"failure": "error", "error": "invalid_auth"}),
        (slack, {"failure": "html"}),
        (slack, {"failure": "reset", "work_done": True}),
        (slack, {"failure": "truncated"}),
        (twilio, {"failure": "status", "status": 500}),
        (twilio, {"failure": "error", "error": "20003"}),
        (twilio, {"failure": "html"}),
    ):
        await vendor.ask("fault", **fault, times=2)
        name = f"{fault['failure']}-{vendor.facts['url'][-5:]}"
        await tocsin.send([sample("level", 95, instance=name)])
        await asyncio.sleep(0.4)
    await slack.ask("cut")
    await slack.ask("down")
    await twilio.ask("down")
    await tocsin.send([sample("level", 95, instance="last")])
    await asyncio.sleep(3.0)
    for path in ("/metrics", "/-/healthy", "/-/ready", "/api/v1/incidents", "/nowhere"):
        heard.append((await tocsin.get(path, Authorization=f"Bearer {token_of('ada')}"))[1])
    for number in range(1, 9):
        answer = await tocsin.say(f"show {number}")
        heard.append(str(answer))
    await twilio.ask("up")
    await slack.ask("up")
    headers = {"Authorization": "Bearer wrong", "Content-Type": "application/json"}
    async with session.post(f"{tocsin.url}/api/v1/command", data="{", headers=headers) as odd:
        heard.append(await odd.text())
    await tocsin.stop()
    heard.append("\n".join(str(tuple(row)) for row in tocsin.rows("select * from outbox")))
    heard.append("\n".join(str(tuple(row)) for row in tocsin.rows("select * from audit")))
    secrets = {
        "Slack's bot token": slack.facts["bot_token"],
        "Slack's app token": slack.facts["app_token"],
        "Twilio's token": twilio.facts["auth_token"],
        "the source's token": EDGE,
        "Ada's token": token_of("ada"),
        "the heartbeat's address": "heartbeat-secret-4711",
    }
    log = tocsin.log
    for what, secret in secrets.items():
        assert secret not in log, f"{what} is in the log"
        assert not [text for text in heard if secret in text], f"{what} was told"
    assert "Traceback" not in "".join(heard)
    assert "no heartbeat" in log
    _database_password(tmp_path, config)


def _database_password(directory: Path, config: Json) -> None:
    """A database that cannot be reached is told by its name alone."""
    path = directory / "elsewhere.yaml"
    (directory / "rules.yaml").write_text("groups: []")
    path.write_text(json.dumps(config))
    for url in (
        "postgresql://tocsin:hunter2hunter2@127.0.0.1:9/tocsin",
        "postgresql://tocsin:hunter2hunter2@@@:x/",
        "mysql://tocsin:hunter2hunter2@127.0.0.1/tocsin",
        "postgresql:/tocsin:hunter2hunter2@127.0.0.1/tocsin",
    ):
        done = subprocess.run(
            [sys.executable, "-m", "bot", "serve", "--config", str(path)],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
            env={"PATH": "/usr/bin:/bin", "DATABASE_URL": url},
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode in (1, 2), said
        assert "hunter2" not in said
        assert "Traceback" not in said
        assert said.strip()
