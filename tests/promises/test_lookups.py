"""A table that knows whose a machine is decides who is asked; one that hangs delays nobody."""

import asyncio
import json
from typing import Any

import aiohttp
from aiohttp import web

from tests.promises.conftest import Found
from tests.promises.tocsin import Json, Tocsin
from tests.promises.town import EDGE, PHONES, step, texts, town
from tests.vendors.loopback import Loopback
from tests.vendors.process import Remote

NO_RULES: Json = {"groups": []}


class Hosts:
    """A table that answers, or never does."""

    def __init__(self) -> None:
        self.hangs = asyncio.Event()
        app = web.Application()
        app.router.add_get("/hosts/{name}", self._answer)
        self.door = Loopback(app)

    async def _answer(self, request: web.Request) -> web.Response:
        if self.hangs.is_set():
            await asyncio.sleep(3_600)
        return web.json_response({"owner": "shop", "name": request.match_info["name"]})


def knowing(config: Json, table: str) -> Json:
    lookup = {
        "label": "instance",
        "url": table + "/hosts/{value}",
        "labels": {"owner": "owner"},
        "annotations": {"host": "name"},
        "allow": ["127.0.0.1"],
        "timeout": "2s",
    }
    default = config["policies"]["default"]
    return config | {
        "lookups": {"hosts": lookup},
        "policies": {
            "default": default | {"steps": [step("ada", 0)]},
            "shop": default | {"steps": [step("ben", 0)]},
        },
        "routes": [{"match": ['owner="shop"'], "policy": "shop", "group_by": ["instance"]}],
    }


async def tell(tocsin: Tocsin, instance: str) -> int:
    labels = {"alertname": "Down", "severity": "critical", "instance": instance}
    headers = {"Authorization": f"Bearer {EDGE}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{tocsin.url}/api/v2/alerts", json=[{"labels": labels}], headers=headers
        ) as answer,
    ):
        return answer.status


async def test_the_owner_is_asked_and_while_the_table_hangs_somebody_is(
    found: Found, twilio: Remote
) -> None:
    hosts = Hosts()
    await hosts.door.open()
    try:
        tocsin = found(knowing(town(twilio), hosts.door.url), NO_RULES)
        await tocsin.start()
        assert await tell(tocsin, "web-1") == 200
        assert await pages(tocsin, twilio, 1) == [PHONES["ben"]]
        token = {"Authorization": "Bearer ada-token-0123456789"}
        _, said = await tocsin.get("/api/v2/alerts", **token)
        [shown] = json.loads(said)
        assert shown["annotations"] == {"host": "web-1"}
        assert "owner" not in shown["labels"]
        hosts.hangs.set()
        assert await tell(tocsin, "web-2") == 200
        assert await pages(tocsin, twilio, 2) == [PHONES["ben"], PHONES["ada"]]
        assert tocsin.log.count("alerts go without it") == 1
    finally:
        await hosts.door.close()


async def pages(tocsin: Tocsin, twilio: Remote, count: int) -> list[str]:
    """Return whom the pages went to, once there are so many."""

    async def there() -> Any:
        told = texts(await twilio.ask("messages"))
        return told if len(told) >= count else None

    return [to for _, to, *_ in await tocsin.until(there, 30.0)]
