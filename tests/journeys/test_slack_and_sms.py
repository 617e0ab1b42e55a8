"""The main journey: a metric by remote write, Slack, SMS, an answer, the end, a report."""

import aiohttp

from bench.remote_write import Writer
from tests.promises.conftest import Found
from tests.promises.tocsin import Json, Tocsin
from tests.promises.town import EDGE, PHONES, ROOM, SLACK_IDS, step, texts, town
from tests.vendors.process import Remote

SOON = 15.0
AUTHORIZATION = {"Authorization": f"Bearer {EDGE}"}


async def only_message(tocsin: Tocsin, slack: Remote) -> Json:
    """Wait until something stands in the room; there is exactly one top message."""
    (message,) = await tocsin.until(lambda: slack.ask("messages", channel=ROOM), SOON)
    return dict(message)


async def until_it_shows(tocsin: Tocsin, slack: Remote, words: str) -> Json:
    """Wait until the one message shows these words."""

    async def shows() -> Json | None:
        message = await only_message(tocsin, slack)
        return message if words in str(message["blocks"]) + message["text"] else None

    return await tocsin.until(shows, SOON)


async def test_from_the_metric_to_the_resolved_message(
    found: Found, session: aiohttp.ClientSession, slack: Remote, twilio: Remote
) -> None:
    steps = [step("ada", 0, "chat"), step("ada", 2, "sms")]
    tocsin = found(town(twilio, slack, steps), from_nothing=True)
    await tocsin.start()
    await slack.ask("connected")
    writer = Writer(session, tocsin.url, AUTHORIZATION)
    level = {"__name__": "level", "job": "db", "instance": "<!channel> a"}

    await writer.write([(level, 95.0)])
    posted = await only_message(tocsin, slack)
    assert f"<@{SLACK_IDS['ada']}>" in str(posted["blocks"])
    assert "<!channel>" not in str(posted["blocks"]) + posted["text"]
    verbs = set(posted["actions"])
    assert verbs == {"ack", "snooze 30m", "resolve", "more"}

    (text,) = await tocsin.until(lambda: twilio.ask("messages", to=PHONES["ada"]), SOON)
    assert text["body"].startswith("#1")
    assert len(text["body"]) <= 306, "two segments of GSM-7"

    pressed = await slack.ask(
        "press", channel=ROOM, ts=posted["ts"], action_id="ack", user=SLACK_IDS["ada"]
    )
    assert not pressed["failed"]
    await until_it_shows(tocsin, slack, "cknowledged")

    await writer.write([(level, 10.0)])
    over = await until_it_shows(tocsin, slack, "*Resolved*")
    assert over["actions"] == ["verdict real", "verdict false", "verdict none"]
    assert over["ts"] == posted["ts"]
    judged = await slack.ask(
        "press", channel=ROOM, ts=posted["ts"], action_id="verdict real", user=SLACK_IDS["ada"]
    )
    assert not judged["failed"]
    await until_it_shows(tocsin, slack, "a real alarm, said Ada")
    told = await tocsin.until(lambda: slack.ask("thread", channel=ROOM, ts=posted["ts"]), SOON)
    assert told, "the thread holds the history"

    sent = texts(await twilio.ask("messages"))
    assert next((number, asks) for number, _, asks, _ in sent) == (1, True)
    assert sum(asks for *_, asks, _ in sent) == 1, "one page by SMS, and no step after the answer"

    await slack.ask(
        "command", command="/tocsin", text="report alerts", user=SLACK_IDS["ada"], channel=ROOM
    )
    await tocsin.until(lambda: slack.ask("calls", method="files.completeUploadExternal"), 30.0)
    assert await tocsin.stop() == 0
