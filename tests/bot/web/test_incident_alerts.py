"""Every alert of an incident on a page: where "and 4,990 more" leads."""

import re

from storage.clock import SystemClock
from storage.model.alert import Alert
from storage.model.labels import Labels
from tests.bot.web.conftest import Serve, Stage

HOSTILE = '<img src=x onerror="alert(1)"> {{ 7*7 }}'
COUNT = 1_203


async def storm(stage: Stage) -> None:
    now = SystemClock().utc_now()
    await stage.receiver.receive(
        [
            Alert(
                labels=Labels.of(alertname="Slow", cluster="eu", pod=f"{HOSTILE} {n:04}"),
                annotations=Labels.of(summary=HOSTILE),
                starts_at=now,
                value=2.5,
            )
            for n in range(COUNT)
        ]
    )


async def test_all_are_there_page_by_page_and_text_is_text(serve: Serve, stage: Stage) -> None:
    await storm(stage)
    client = await serve()
    found, path, pages = list[str](), "/incidents/1/alerts", 0
    while path:
        text = (await client.get(path)).text
        assert "<img" not in text
        assert "49" not in re.sub(r"[0-9]{4}", "", text)
        assert f"#1 Slow ({COUNT} alerts)" in text
        assert "1,203 of 1,203 alerts fire." in text
        assert "All of them: alertname=Slow cluster=eu" in text
        found += re.findall(r"\}\} (\d{4})</td>", text)
        later = re.search(r'href="(\?from=\d+)">Later', text)
        path = f"/incidents/1/alerts{later[1]}" if later else ""
        pages += 1
    assert found == [f"{n:04}" for n in range(COUNT)]
    assert pages == 3
    assert (await client.get("/static/alerts.css")).status_code == 200


async def test_who_may_not_and_what_is_not_there(serve: Serve, stage: Stage) -> None:
    await storm(stage)
    client = await serve()
    assert (await client.get("/incidents/9/alerts")).status_code == 404
    for odd in ("-1", "x", "9" * 30, "%00"):
        assert (await client.get(f"/incidents/1/alerts?from={odd}")).status_code == 400
    assert "1,001 to 1,203" in (await client.get("/incidents/1/alerts?from=99999")).text
    for foreign in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        assert (await client.get("/incidents/1/alerts", headers=foreign)).status_code == 403
