"""What leads inside is not called; what was taken and not confirmed is known for a repeat."""

import asyncio
import sys

from aiohttp import web

from tests.promises.conftest import Found
from tests.promises.tocsin import ROOT, Json, sample
from tests.promises.town import step, town
from tests.vendors.loopback import Loopback
from tests.vendors.process import Remote
from tests.vendors.smtp import SLOW, Relay

KEY = "a-key-of-24-characters.."
PATH = "/latest/meta-data/credentials-4711"


class Inside:
    """A listener that must never be asked, and a door outside that leads to it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.led = 0
        app = web.Application()
        app.router.add_route("*", PATH, self._secret)
        app.router.add_route("*", "/hook", self._lead)
        self.door = Loopback(app)

    async def _secret(self, request: web.Request) -> web.Response:
        self.asked.append(request.method)
        return web.Response(text="AKIA")

    async def _lead(self, _: web.Request) -> web.Response:
        self.led += 1
        return web.Response(status=307, headers={"Location": self.door.url + PATH})


def hooked(config: Json, url: str, *allow: str) -> Json:
    hook = {"urls": {"desk": url}, "keys": {"desk": KEY}, "allow": list(allow)}
    policy = config["policies"]["default"]
    return config | {
        "channels": config["channels"] | {"webhook": hook},
        "policies": {"default": policy | {"rooms": [{"webhook": "desk"}]}},
    }


async def test_what_leads_inside_is_not_called(found: Found, twilio: Remote) -> None:
    inside = Inside()
    await inside.door.open()
    try:
        config = hooked(town(twilio), inside.door.url + PATH)
        refused = found(config)
        code, said = await ends(str(refused.directory / "config.yaml"))
        assert code == 2
        assert "127.0.0.1, which is this machine itself" in said
        assert "channels.webhook.allow" in said
        assert "4711" not in said
        tocsin = found(hooked(town(twilio), inside.door.url + "/hook", "127.0.0.1"))
        await tocsin.start()
        await tocsin.send([sample("level", 95, instance="a")])
        await tocsin.until(lambda: inside.led, 15)
        told = "select count(*) from outbox where channel = 'webhook' and status = 'failed'"
        await tocsin.until(lambda: tocsin.count(told) == 1, 15)
        await twilio.ask("wait", method="Messages.create", calls=1, within=15)
        assert (inside.led, inside.asked) == (1, []), "no redirect is followed, none tried twice"
    finally:
        await inside.door.close()


async def test_what_we_ask_for_numbers_cannot_lead_us_inside(found: Found, twilio: Remote) -> None:
    """A source, a store, a target and a watcher that answer with a way to another's secrets."""
    inside, led = Inside(), set[str]()

    async def lead(request: web.Request) -> web.Response:
        led.add(request.path)
        return web.Response(status=307, headers={"Location": inside.door.url + PATH})

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", lead)
    shady = Loopback(app)
    await inside.door.open()
    await shady.open()
    try:
        config = town(twilio)
        config["storage"] |= {
            "metrics": {"prometheus": {"url": f"{shady.url}/store", "bearer": "b" * 20}},
            "forward": {"url": f"{shady.url}/push", "bearer": "b" * 20},
        }
        target = shady.url.removeprefix("http://")
        scrape = {"job": "node", "targets": [target], "interval": "1s", "timeout": "1s"} | {
            "bearer": "b" * 20
        }
        config |= {"scrape": [scrape], "heartbeat": {"url": f"{shady.url}/ping", "interval": "1s"}}
        tocsin = found(config)
        await tocsin.start(ready=False)
        await tocsin.send([sample("level", 5, instance="a")])
        wanted = ("/store", "/push", "/metrics")
        await tocsin.until(lambda: all(any(it.startswith(w) for it in led) for w in wanted), 20)
        await tocsin.stop()
        assert inside.asked == [], "no way that another shows is followed, and no token taken along"
    finally:
        await shady.close()
        await inside.door.close()


async def ends(path: str) -> tuple[int, str]:
    """Run `serve`, which must refuse to start; return its exit code and words."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "serve", "--config", path,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(child.communicate(), 60)
    return int(child.returncode or 0), out.decode()


async def test_a_mail_sent_again_after_a_kill_is_known_by_its_id(
    found: Found, twilio: Remote
) -> None:
    async with Relay() as relay:
        config = town(twilio, steps=[step("ada", 0, "email")])
        email = {"host": "127.0.0.1", "port": relay.port, "tls": "off"}
        config["channels"]["email"] = email | {"from_address": "tocsin@example.com"}
        config["people"]["ada"]["email"] = "ada@example.com"
        config["policies"]["default"]["rooms"] = [{"email": "list@example.com"}]
        relay.takes_anyway = True
        relay.next("DATA", SLOW, SLOW)
        tocsin = found(config)
        await tocsin.start()
        await tocsin.send([sample("level", 95, instance="a")])
        await relay.until(lambda: relay.taken)
        await tocsin.kill()
        relay.answers.clear()
        await tocsin.start()
        unsent = "select count(*) from outbox where status not in ('sent', 'delivered')"
        await tocsin.until(lambda: tocsin.count(unsent) == 0, 30)
        await tocsin.stop()
        by_reader: dict[str, list[str]] = {}
        for taken in relay.taken:
            by_reader.setdefault(taken.to[0], []).append(taken.mail["Message-ID"])
    assert by_reader.keys() == {"list@example.com", "ada@example.com"}
    assert all(len(set(ids)) == 1 and len(ids) <= 2 for ids in by_reader.values()), by_reader
    assert sum(map(len, by_reader.values())) == 3, "one was taken and not confirmed"
