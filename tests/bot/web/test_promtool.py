"""Debian's promtool asks the running server."""

import asyncio

from storage.clock import SystemClock
from storage.model.labels import Labels
from storage.model.sample import Batch, Sample
from tests.bot.web.conftest import Serve, Stage
from tests.peers import program

NOW = SystemClock().utc_now().timestamp() // 60 * 60 - 120


async def promtool(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        program("promtool"),
        "query",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_promtool_queries(stage: Stage, serve: Serve) -> None:
    samples = [
        Sample(Labels.of(__name__="up", job=job), NOW - 15 * step, float(step))
        for step in range(10, -1, -1)
        for job in ("api", "mail")
    ]
    await stage.series.append(Batch(samples))
    server = str((await serve()).base_url)
    at = f"{NOW:.0f}"
    assert await promtool("instant", f"--time={at}", server, "up * 0.25 + 1e-7") == (
        0,
        f'{{job="api"}} => 0.0000001 @[{at}]\n{{job="mail"}} => 0.0000001 @[{at}]\n',
    )
    start = f"{NOW - 30:.0f}"
    asked = (f"--start={start}", f"--end={at}", "--step=15s", server, 'up{job="api"}')
    code, text = await promtool("range", *asked)
    assert (code, text.splitlines()) == (
        0,
        [
            'up{job="api"} =>',
            f"2 @[{start}]",
            f"1 @[{NOW - 15:.0f}]",
            f"0 @[{at}]",
        ],
    )
    window = f"--start={start}", f"--end={at}"
    found = await promtool("series", "--match=up", *window, server)
    assert found[0] == 0
    assert found[1].split() == ['{__name__="up",', 'job="api"}', '{__name__="up",', 'job="mail"}']
    assert await promtool("labels", server, "job") == (0, "api\nmail\n")
    code, text = await promtool("instant", server, "up +")
    assert code == 1
    assert "bad_data" in text
    assert 'invalid parameter "query"' in text
