"""Mails and cards of the states that hurt most: escalated, a storm, not delivered.

`python -m tests.bot.channels.pictures docs/pictures [adaptivecards.min.js]` draws them with
Chromium; cards with Microsoft's own renderer, of the npm package `adaptivecards`, where its file
is named.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from html import escape
from pathlib import Path

from bot.channels import cards
from bot.channels.letter import Letter, written
from routing.delivery.channel import Line, Message
from routing.delivery.compose import Scene, room_message
from storage.model.alert import Alert, Severity
from storage.model.incident import Incident, IncidentId
from storage.model.labels import Labels
from storage.model.person import PersonId
from tests.fakes import NOON
from tests.routing.town import ADA, BOB, PLAYBOOK, POLICY, alert

MINUTE = timedelta(minutes=1)
INCIDENT = Incident(
    id=IncidentId(42),
    group='default{alertname="CheckoutSlow"}',
    title="CheckoutSlow",
    severity=Severity.CRITICAL,
    policy=POLICY,
    opened_at=NOON - 6 * MINUTE,
    step=0,
    version=3,
    rung=(ADA,),
)


def slow(**labels: str) -> Alert:
    given = alert("CheckoutSlow", service="checkout", **labels)
    told = Labels.of(
        summary="p99 of checkout is 2.5 s, above 800 ms for 5 minutes",
        runbook_url="https://wiki.example.com/runbooks/checkout",
    )
    return replace(given, annotations=told, starts_at=NOON - 6 * MINUTE)


def lines(*texts: str) -> tuple[Line, ...]:
    first = NOON - 6 * MINUTE
    return tuple(Line(id=n, at=first + n * MINUTE, text=it) for n, it in enumerate(texts, 1))


def states() -> Iterator[tuple[str, Message]]:
    """Yield what each state is called, and what is told of it."""
    told = lines("triggered: p99 of checkout is 2.5 s", "asked Ada by slack and sms")
    asked = lines("triggered", "asked Ada by slack and sms", "nobody answered: asked Bob by sms")
    escalated = replace(INCIDENT, step=1, rung=(ADA, BOB))
    yield "escalated", _room(escalated, (slow(),), asked, BOB)
    hosts = tuple(slow(instance=f"shop-{n:02}") for n in range(1, 41))
    storm = replace(INCIDENT, firing=40, total=40)
    yield "a storm: forty alerts, one incident", _room(storm, hosts, told, ADA)
    lost = lines("triggered", "asked Ada by sms", "sms to Ada failed: undelivered (30003)")
    yield "not delivered", _room(replace(INCIDENT, undelivered=True), (slow(),), lost, ADA)


def _room(
    incident: Incident, alerts: tuple[Alert, ...], told: tuple[Line, ...], asked: PersonId
) -> Message:
    scene = Scene(
        incident=incident, alerts=alerts, playbook=PLAYBOOK, now=NOON, lines=told, asked=(asked,)
    )
    return room_message(scene)


def mail(message: Message) -> str:
    """Return the page of the mail that a room gets."""
    letter = Letter(
        message=message,
        sender="tocsin@example.com",
        sender_name="Tocsin",
        to="alarms@example.com",
        id="<42@example.com>",
        references=(),
        is_reply=False,
        at=NOON,
    )
    read = message_from_bytes(written(letter), policy=policy.default)
    part = read.get_body(("html",))
    assert part is not None
    return str(part.get_content())


TEAMS = {
    "light": {
        "default": ("#ffffff", "#242424", "#616161"),
        "emphasis": ("#f5f5f5", "#242424", "#616161"),
        "attention": ("#fdf3f4", "#b10e1c", "#b10e1c"),
    },
    "dark": {
        "default": ("#292929", "#ffffff", "#adadad"),
        "emphasis": ("#3d3d3d", "#ffffff", "#adadad"),
        "attention": ("#3f1011", "#eeacb2", "#eeacb2"),
    },
}
"""Ground, text and subtle text of containers in Teams' two themes (Fluent 2)."""


def card_page(look: str, library: Path, shown: list[tuple[str, Message]]) -> str:
    """Return a page on which Microsoft's renderer draws the cards."""
    styles = {
        style: {
            "backgroundColor": ground,
            "foregroundColors": {"default": {"default": text, "subtle": subtle}},
        }
        for style, (ground, text, subtle) in TEAMS[look].items()
    }
    host = {"fontFamily": "sans-serif", "containerStyles": styles, "supportsInteractivity": True}
    made = [(name, cards.posting(it)["attachments"][0]["content"]) for name, it in shown]
    script = f"""
      for (const [name, content] of {json.dumps(made)}) {{
        const box = document.createElement("section");
        box.innerHTML = "<h2></h2>";
        box.firstChild.textContent = name;
        const card = new AdaptiveCards.AdaptiveCard();
        card.hostConfig = new AdaptiveCards.HostConfig({json.dumps(host)});
        card.parse(content);
        box.append(card.render());
        document.body.append(box);
      }}"""
    ground, text, _ = TEAMS[look]["default"]
    style = (
        "body{display:flex;gap:24px;margin:24px;align-items:flex-start;font-family:sans-serif;"
        f"background:{'#f0f0f0' if look == 'light' else '#141414'};color:{text}}}"
        f"section{{width:400px}}.ac-adaptiveCard{{background:{ground};border-radius:8px;"
        "overflow:hidden}h2{font-size:14px;font-weight:400}.ac-pushButton{padding:6px 12px;"
        f"border:1px solid #888;border-radius:4px;background:{ground};color:{text};font-size:14px}}"
    )
    scripts = f"<script>{library.read_text()}</script><script>{script}</script>"
    return f"<style>{style}</style><body>{scripts}</body>"


def mail_page(shown: list[tuple[str, Message]]) -> str:
    """Return a page with the mails beside each other, as wide as a phone's screen."""
    frames = "".join(
        f'<section><h2>{escape(name)}</h2><iframe srcdoc="{escape(mail(it))}"></iframe></section>'
        for name, it in shown
    )
    style = (
        "body{display:flex;gap:24px;margin:24px;background:#888;font-family:sans-serif}"
        "iframe{width:400px;height:900px;border:0}h2{font-size:14px;font-weight:400}"
    )
    return f"<style>{style}</style>{frames}"


async def draw(folder: Path, library: Path | None) -> None:
    """Draw the pictures."""
    from playwright.async_api import async_playwright

    shown = list(states())
    pages = {
        "mail-trouble": ("light", mail_page(shown)),
        "mail-trouble-dark": ("dark", mail_page(shown)),
    }
    if library is not None:
        pages["teams-trouble"] = ("light", card_page("light", library, shown))
        pages["teams-trouble-dark"] = ("dark", card_page("dark", library, shown))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, (look, html) in pages.items():
            sheet = await browser.new_page(
                viewport={"width": 1320, "height": 400},
                color_scheme="dark" if look == "dark" else "light",
            )
            await sheet.set_content(html)
            await sheet.screenshot(path=folder / f"{name}.png", full_page=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))
