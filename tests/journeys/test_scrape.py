"""No Prometheus at all: Tocsin asks the targets itself, and one that is down pages somebody."""

from prometheus_client import Gauge

from tests.bot.scrape.exposer import exposing
from tests.promises.conftest import Found
from tests.promises.tocsin import Json
from tests.promises.town import town
from tests.vendors.process import Remote

RULES: Json = {
    "groups": [
        {
            "name": "targets",
            "interval": "1h",
            "rules": [
                {
                    "alert": "TargetDown",
                    "expr": "up == 0",
                    "labels": {"severity": "critical", "category": "availability"},
                }
            ],
        }
    ]
}
"""Judged when samples arrive: the group's own interval would be far too late."""


async def test_a_target_that_is_down_pages_and_resolves(found: Found, twilio: Remote) -> None:
    async with exposing() as exposer:
        Gauge("queue_depth", "Messages.", registry=exposer.registry).set(7)
        shop = {"job": "shop", "targets": [exposer.address], "interval": "1s", "timeout": "1s"}
        tocsin = found({**town(twilio), "scrape": [shop]}, RULES)
        await tocsin.start()
        await tocsin.until(lambda: len(exposer.asked) >= 2, within=20)
        assert tocsin.count("SELECT count(*) FROM incidents") == 0
        exposer.fails(500)
        opened = "SELECT count(*) FROM incidents WHERE status = 'triggered'"
        await tocsin.until(lambda: tocsin.count(opened) == 1, within=20)
        exposer.handler = None
        resolved = "SELECT count(*) FROM incidents WHERE status = 'resolved'"
        await tocsin.until(lambda: tocsin.count(resolved) == 1, within=20)
        assert "target down" in tocsin.log
        assert "target up" in tocsin.log
