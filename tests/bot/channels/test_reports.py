"""Finished reports through every channel that takes them: each in its form, text as text."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from math import sin

import pytest

from bot.channels.email import Email, EmailOptions
from bot.channels.report_card import report_posting
from bot.channels.slack import Slack, SlackOptions
from bot.channels.teams import Teams, TeamsOptions
from bot.channels.webhook import Webhook, WebhookOptions
from bot.config import channels
from bot.config.secret import Secret
from bot.reports.cells import as_csv
from routing.delivery.channel import Rejected, TryLater
from routing.delivery.report import Curve, File, Finished, Plot, Table, TakesReports
from storage.clock import SystemClock
from tests.bot.channels.test_cards import HOSTILE, fit, texts
from tests.vendors.receiver import Receiver
from tests.vendors.slack import SlackServer
from tests.vendors.smtp import Relay
from tests.vendors.teams import TeamsServer

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
ROWS = (("figure", "now", "before"), ("Requests", "42/s", "40/s"), ("Failed", "5 %", "1 %"))
TIMES = tuple(NOON.timestamp() - 900 * n for n in range(95, -1, -1))
REPORT = Finished(
    title="Performance of checkout, last 24 h",
    headline="42/s requests (40/s before), 5 % of them failed (1 % before).",
    notes=("The week before: no data yet.",),
    tables=(Table(title="Figures", rows=ROWS),),
    plots=(
        Plot(
            title="Requests",
            unit="per second",
            times=TIMES,
            curves=(Curve(name="now", values=tuple(40 + 9 * sin(n / 9) for n in range(96))),),
        ),
    ),
    pictures=(File(name="report-performance-1.png", media_type="image/png", content=PNG),),
    files=(
        File(
            name="report-performance.csv",
            media_type="text/csv",
            content=as_csv([["service", "now"], ["=cmd|'/c calc'!A1", "42"]]),
        ),
    ),
    at=NOON,
)
KEY = "report/0123/2026-03-02T09:00Z/x/y"


def hostile(text: str) -> Finished:
    rows = (("figure", "now"), (text, text))
    curve = Curve(name=text, values=tuple(None if n % 3 else 1e12 for n in range(96)))
    return replace(
        REPORT,
        title=text,
        headline=text,
        notes=(text,) * 9,
        tables=(Table(title=text, rows=rows),) * 3,
        plots=(Plot(title=text, unit=text, times=TIMES, curves=(curve,) * 9, limit=1.0),) * 9,
        files=(replace(REPORT.files[0], name=f"../../{text}"),),
    )


@pytest.fixture
async def slack_server() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.limits.enforced = False
        yield server


async def test_slack_shows_words_table_charts_and_files(slack_server: SlackServer) -> None:
    slack = Slack(
        SlackOptions(
            bot_token=Secret(slack_server.bot_token),
            app_token=Secret(slack_server.app_token),
            api_url=slack_server.api_url,
        )
    )
    room = next(iter(slack_server.space.channels))
    await slack.send_report(REPORT, room, KEY)
    (message,) = slack_server.messages(room)
    assert [file["name"] for file in message.files] == [
        "report-performance-1.png",
        "report-performance.csv",
    ]
    assert "42/s requests" in message.text
    assert "Requests  42/s  40/s" in message.text
    await slack.send_report(replace(REPORT, pictures=(), files=()), room, KEY)
    assert "no data yet" in slack_server.messages(room)[-1].text
    for text in HOSTILE:
        await slack.send_report(hostile(text), room, KEY)
        assert "<!channel>" not in slack_server.messages(room)[-1].text
    await slack.close()


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with Relay() as server:
        yield server


async def test_a_mail_holds_its_charts_and_the_csv(relay: Relay) -> None:
    email = Email(
        EmailOptions(
            host="127.0.0.1", port=relay.port, tls="off", from_address="tocsin@example.com"
        )
    )
    first = await email.send_report(REPORT, "team@example.com", KEY)
    again = await email.send_report(REPORT, "team@example.com", KEY)
    assert first.provider_id == again.provider_id  # a repeat is known for one
    taken = relay.taken[0]
    assert taken.mail["Subject"] == REPORT.title
    assert "Requests  42/s  40/s" in taken.text()
    assert '<img src="cid:chart1"' in taken.html()
    parts = {part.get_content_type(): part for part in taken.mail.walk()}
    assert parts["image/png"]["Content-ID"] == "<chart1>"
    assert parts["image/png"].get_content() == PNG
    sheet = parts["text/csv"]
    assert sheet.get_filename() == "report-performance.csv"
    rows = list(csv.reader(io.StringIO(sheet.get_content().lstrip("\ufeff"))))
    assert rows[1] == ["'=cmd|'/c calc'!A1", "42"]
    await email.close()


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_text_becomes_a_header_or_a_page_of_its_own(relay: Relay, text: str) -> None:
    email = Email(
        EmailOptions(
            host="127.0.0.1", port=relay.port, tls="off", from_address="tocsin@example.com"
        )
    )
    await email.send_report(hostile(text), "team@example.com", KEY)
    taken = relay.taken[-1]
    assert len(taken.mail.get_all("Subject") or []) == 1
    assert taken.mail["Bcc"] is None
    assert "<script>" not in taken.html()
    assert "evil.example.com/a.png" not in taken.html() or '<img src="http' not in taken.html()
    for part in taken.mail.iter_attachments():
        assert not set(part.get_filename() or "") & set("/\\\r\n:")
    await email.close()


async def test_teams_draws_the_chart_itself() -> None:
    async with TeamsServer() as server:
        teams = Teams(TeamsOptions(rooms={"ops": Secret(server.address("ops"))}))
        await teams.send_report(REPORT, "ops", KEY)
        assert not server.failed()
        (card,) = server.cards("ops")
        (chart,) = [part for part in card["body"] if part["type"] == "Chart.Line"]
        assert (chart["xAxisTitle"], chart["yAxisTitle"]) == ("hours before", "per second")
        assert chart["data"][0]["values"][-1]["x"] == 0
        assert len(chart["data"][0]["values"]) <= 48
        assert "now" in "".join(texts(chart["fallback"]))
        assert "Requests" in "".join(texts(card))
        with pytest.raises(Rejected, match="no room is called 'dev'"):
            await teams.send_report(REPORT, "dev", KEY)
        server.off.add("ops")
        with pytest.raises((Rejected, TryLater)):
            await teams.send_report(REPORT, "ops", KEY)
        await teams.close()


@pytest.mark.parametrize("text", HOSTILE)
def test_any_report_fits_a_card(text: str) -> None:
    fit(report_posting(hostile(text)))
    long = Table(title="t", rows=tuple((text, text, text, text, text) for _ in range(200)))
    fit(report_posting(replace(hostile(text), tables=(long,))))


async def test_a_webhook_gets_the_words_and_the_tables() -> None:
    async with Receiver(key="k" * 16, clock=SystemClock()) as receiver:
        hook = Webhook(
            WebhookOptions(
                urls={"ticketing": Secret(f"http://127.0.0.1:{receiver.port}/hook")},
                keys={"ticketing": Secret("k" * 16)},
                allow=("127.0.0.1",),
            )
        )
        await hook.send_report(REPORT, "ticketing", KEY)
        (told,) = receiver.got
        assert told["report"]["tables"][0]["rows"][1] == ["Requests", "42/s", "40/s"]
        await hook.close()


@pytest.mark.parametrize("name", [name for name in channels.names() if name != "phone"])
def test_who_says_so_takes_reports(name: str) -> None:
    kind = channels.kind(name)
    takes = {"email", "push", "slack", "teams", "webhook"}
    assert kind.takes_reports == (name in takes)
    if kind.takes_reports:
        assert isinstance(kind.open, type)
        assert hasattr(kind.open, "send_report")
        assert hasattr(TakesReports, "send_report")
