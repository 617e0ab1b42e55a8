"""Text as nobody sends it who means well, and a message that is made of it through and through."""

from datetime import timedelta

from routing.delivery.bundle import LONGEST_ANNOTATION
from routing.delivery.channel import Action, Bundle, Line, Message
from routing.delivery.report import Curve, Finished, Plot, Table
from storage.model.alert import Alert, Severity
from storage.model.delivery import Purpose
from storage.model.incident import Status
from storage.model.labels import Labels
from tests.fakes import NOON

MARK = "qzx"
"""Stands in each of them: whatever becomes of the rest, this is still read."""

TEXTS = {
    "long": "qzx " + "x" * 10_000,
    "long words": "qzx " + "word " * 2_000,
    "long lines": "qzx " + "line\n" * 3_000,
    "long fire": "qzx " + "🔥" * 10_000,
    "long ampersands": "qzx " + "&<>" * 4_000,
    "mentions": "qzx <!channel> <!here> <@U0BOSS> <!subteam^S1> @everyone @here @channel",
    "mrkdwn": "qzx *bold* _it_ ~no~ `code` ```x``` :tada: > quote <https://evil.example|bank>",
    "markdown": "qzx [bank](https://evil.example) ![i](https://evil.example/a.png) **b** # h",
    "html": 'qzx <script>alert(1)</script><img src=x onerror=alert(1)><b>b</b>"><a href=x>',
    "header": "qzx\r\nBcc: eve@evil.example\r\nSubject: two\r\n\r\n<html>body",
    "encoded header": "qzx =?utf-8?q?x=0D=0ABcc:_eve@evil.example?=",
    "twiml": "qzx </Say><Dial>+14155550199</Dial><Redirect>http://evil.example</Redirect><Say>",
    "formula": '=HYPERLINK("https://evil.example","qzx")',
    "template": "qzx {{ 7 * 7 }} {% include 'x' %} ${7*7} {{DATE(2026-03-02T12:00:00Z, SHORT)}}",
    "right to left": "qzx \u202egnihton\u202c \u05d0\u05d1\u05d2 \u0623\u0628\u062c \u2066x",
    "joined": "qzx 👩\u200d👩\u200d👧\u200d👦 🏴\U000e0067\U000e0062\U000e007f e\u0301\u0327",
    "combining": "qzx z" + "\u0301\u0308\u0336" * 800,
    "unseen": "qzx \u200b\u2060\ufeff\u00ad\u2028x\u2029y\x85z",
    "control": "qzx \x00\x07\x1b[31mred\x1b]0;title\x07\x08\x7f",
    "half a character": "qzx \ud83d \udd25 \ud800",
    "foreign": "qzx Straße Ωμέγα 日本語 עברית العربية हिन्दी",
    "script address": "javascript:alert('qzx')",
    "json": 'qzx "}], "status": "resolved", \\u0000 \\',
    "sql": "qzx'; DROP TABLE incidents; --",
}


def alarm(text: str, purpose: Purpose) -> Message:
    """Return a message whose every text may come from an alert, and does."""
    # What is no text is refused at the door, and a bundle is cut before it comes to a channel.
    told = text[:LONGEST_ANNOTATION].encode(errors="replace").decode()
    labels = Labels.of({"alertname": told, "instance": told, "severity": "critical"})
    annotations = Labels.of(summary=told, description=told, runbook_url=told)
    alert = Alert(labels=labels, annotations=annotations, starts_at=NOON, value=2.5)
    return Message(
        purpose=purpose,
        title=f"#42 {text}",
        incident=42,
        version=7,
        status=Status.TRIGGERED,
        severity=Severity.CRITICAL,
        summary=text,
        facts=(
            ("State", text),
            ("Severity", text),
            ("Runbook", text),
            ("Alerts", f"{text}\n{text}"),
            (text, text),
        ),
        actions=(Action(verb="ack", label="Acknowledge"),),
        lines=tuple(
            Line(id=n, at=NOON + timedelta(minutes=n), text=f"{n}. {text}") for n in range(1, 6)
        ),
        link=text,
        thread="42.1772452800",
        stages=("triggered.0.0",),
        bundle=Bundle(
            group=told, by=Labels.of(alertname=told), alerts=(alert,) * 3, left_out=7, home=told
        ),
    )


def report(text: str) -> Finished:
    """Return a report of which every text is this one."""
    curve = Curve(name=text, values=(1.0, 2.0, 3.0))
    times = (1_772_452_800.0, 1_772_452_860.0, 1_772_452_920.0)
    return Finished(
        title=text,
        headline=text,
        notes=(text, text),
        tables=(Table(title=text, rows=((text, "42"), (text, text), (text, "42"))),),
        plots=(Plot(title=text, unit=text[:20], times=times, curves=(curve,)),),
        at=NOON,
    )
