"""A Message as Teams shows it: an Adaptive Card, in which no foreign text is markup.

All foreign text stands in text runs, the one element whose text is never taken for Markdown.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from bot.channels.card_charts import line_chart
from bot.channels.card_shape import Posting
from bot.channels.json_cut import cut, weight
from bot.channels.links import Link
from routing.delivery.channel import Line, Message
from routing.delivery.report import Plot
from routing.delivery.words import ELLIPSIS, flat, web_link
from storage.model.alert import Severity
from storage.model.incident import Status

Json = dict[str, Any]
MOST_BYTES = 20_000
"""Of a whole posting. Microsoft says 28 KB; Teams was seen to refuse from 21,000 on."""
LONGEST_TITLE, LONGEST_NAME, LONGEST_LINK, LONGEST_LABEL = 900, 60, 1_000, 60
MOST_FACTS, MOST_ROWS, MOST_LINES, MOST_LINKS = 10, 14, 4, 3
BUDGETS = (2_000, 800, 300, 120)
"""Bytes of one paragraph; where the card is too large with one, the next is tried."""

WORDS = {
    Status.GATHERING: "Gathering alerts",
    Status.TRIGGERED: "Triggered",
    Status.ACKNOWLEDGED: "Acknowledged",
    Status.SNOOZED: "Snoozed",
    Status.MUTED: "Muted",
    Status.RESOLVED: "Resolved",
}
GROUNDS = {
    Status.GATHERING: "emphasis",
    Status.ACKNOWLEDGED: "accent",
    Status.SNOOZED: "emphasis",
    Status.MUTED: "emphasis",
    Status.RESOLVED: "good",
}
BY_SEVERITY = {Severity.CRITICAL: "attention", Severity.WARNING: "warning"}
_DATES = re.compile(r"\{(?=\{(?:DATE|TIME)\()", re.IGNORECASE)
_ENDLESS = re.compile(r"\S{40}(?=\S)")
JOIN, BREAK = "\u2060", "\u200b"
"""Seen by nobody: keeps two letters from being read as one sign; lets a line break there."""


def posting(
    message: Message, told: int = 0, plot: Plot | None = None, answers: Sequence[Link] = ()
) -> Json:
    """Return what is handed to the Workflow: the card, as much of it as fits.

    told: the newest history line that the room has seen.   plot: what the rule watched.
    answers: signed links, to be buttons.
    """
    chart = line_chart(plot) if plot is not None else None
    for budget in BUDGETS:
        made = posted(_card(message, budget, told, chart, answers))
        if size_of(made) <= MOST_BYTES:
            return checked(made)
    return short_posting(message)


def short_posting(message: Message) -> Json:
    """Return the least that helps: state, title, the first words, and the link."""
    body = [_ground(message, 300), *_paragraphs([message.summary], 300, spacing="medium")]
    return checked(posted(_whole(message, body, _links(message)[0][:1])))


def checked(made: Json) -> Json:
    """Return the posting as it is; raises ValueError where Teams could not show it."""
    Posting.model_validate(made)
    if size_of(made) > MOST_BYTES:
        raise ValueError(f"a card of {size_of(made)} bytes; Teams takes {MOST_BYTES}")
    return made


def size_of(made: Json) -> int:
    """Count the bytes on the wire."""
    return len(json.dumps(made))


def _card(
    message: Message, budget: int, told: int, chart: Json | None, answers: Sequence[Link]
) -> Json:
    links, facts = _links(message)
    body = [_ground(message, LONGEST_TITLE)]
    body += _paragraphs(message.summary.splitlines(), budget, spacing="medium")
    if chart is not None:
        body.append(chart | {"spacing": "medium"})
    body += _facts(facts, budget)
    body += _history([line for line in message.lines if line.id > told], budget)
    if hint := _hint(message):
        body.append(paragraph(run(hint, size="small", isSubtle=True), spacing="medium"))
    buttons = [_button(link.label, link.address) for link in answers]
    return _whole(message, body, [*buttons, *links])


def _whole(message: Message, body: list[Json], links: list[Json]) -> Json:
    return bare_card(body, f"{_headline(message)}: {flat(message.title)}", links)


def bare_card(body: list[Json], in_words: str, links: list[Json]) -> Json:
    """Return a card. in_words: what is shown where none can be."""
    return {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "fallbackText": cut(in_words, LONGEST_TITLE),
        "body": body,
        "actions": links,
        "msteams": {"width": "Full"},
    }


def posted(card: Json) -> Json:
    """Return what a Workflow takes: one message with one card."""
    content_type = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": content_type, "content": card}]}


def _headline(message: Message) -> str:
    """Say the state and how bad it is in words; the colour is only an ornament."""
    if message.status is None:
        return "Tocsin"
    state = dict(message.facts).get("State", "")
    is_further = message.status is Status.TRIGGERED and state.startswith("escalated")
    words = ["Escalated" if is_further else WORDS[message.status], str(message.severity)]
    if state.endswith("not delivered"):
        words.append("not delivered")
    if any(stage.startswith("no-data") for stage in message.stages):
        words.append("no data")
    return " · ".join(words)


def _ground(message: Message, longest: int) -> Json:
    """Show state and title on the colour of how much it hurts."""
    urgent = BY_SEVERITY.get(message.severity, "accent")
    style = GROUNDS.get(message.status, urgent) if message.status else "emphasis"
    title = cut(flat(message.title), longest) or "-"
    return {
        "type": "Container",
        "style": style,
        "bleed": True,
        "items": [
            paragraph(run(_headline(message), weight="bolder")),
            paragraph(run(title, size="large", weight="bolder"), spacing="small"),
        ],
    }


def _facts(facts: Sequence[tuple[str, str]], budget: int) -> list[Json]:
    """Show each fact in a row, its name in a column that is as wide in all of them."""
    rows = [row for name, value in facts[:MOST_FACTS] for row in _fact(name, value, budget)]
    if len(facts) > MOST_FACTS:
        rows.append(paragraph(run(f"{ELLIPSIS} and {len(facts) - MOST_FACTS} more facts")))
    if rows:
        rows[0] |= {"spacing": "medium", "separator": True}
    return rows


def _fact(name: str, value: str, budget: int) -> list[Json]:
    """Show name and value beside each other; of several lines, the list has the whole width."""
    label = paragraph(run(cut(flat(name), LONGEST_NAME) or "-", isSubtle=True))
    lines = _paragraphs(value.splitlines(), budget, spacing="none") or [paragraph(run("-"))]
    row = {
        "type": "ColumnSet",
        "spacing": "small",
        "columns": [
            {"type": "Column", "width": "84px", "items": [label]},
            {"type": "Column", "width": "stretch", "items": lines[:1]},
        ],
    }
    for line in lines[1:]:
        line["inlines"][0] |= {"size": "small"}
    return [row, *lines[1:]]


def _history(lines: Sequence[Line], budget: int) -> list[Json]:
    shown = [
        paragraph(
            run(f"{line.at:%H:%M} UTC  ", size="small", isSubtle=True),
            run(cut(flat(line.text), budget) or "-", size="small"),
            spacing="none",
        )
        for line in lines[-MOST_LINES:]
    ]
    if shown:
        shown[0] |= {"spacing": "medium", "separator": True}
    return shown


def _hint(message: Message) -> str:
    """Say how to answer where people are wanted to; a card cannot take the answer itself."""
    if message.incident is None or not any(action.verb == "ack" for action in message.actions):
        return ""
    return f"Answer: tocsin ack {message.incident}"


def _links(message: Message) -> tuple[list[Json], list[tuple[str, str]]]:
    """Return buttons for what can be opened, and the facts that are no buttons."""
    found, rest = list[Json](), list[tuple[str, str]]()
    if address := _checked(message.link):
        title = f"Open #{message.incident}" if message.incident else "Open Tocsin"
        found.append(_button(title, address))
    for name, value in message.facts:
        address = _checked(value)
        if address and len(found) < MOST_LINKS:
            found.append(_button(name, address))
        elif (name, value) != ("Severity", str(message.severity)):  # the headline says it
            rest.append((name, value))
    return found, rest


def _button(title: str, address: str) -> Json:
    title = cut(flat(title), LONGEST_LABEL) or "Open"
    return {"type": "Action.OpenUrl", "title": title, "url": address}


def _checked(address: str) -> str:
    """Return the address where it can be opened: http(s), hiding nothing, not endless."""
    return web_link(address) if weight(address) <= LONGEST_LINK else ""


def _paragraphs(lines: Iterable[str], budget: int, *, spacing: str) -> list[Json]:
    told = [line for line in map(flat, lines) if line]
    shown = [paragraph(run(cut(line, budget)), spacing="none") for line in told[:MOST_ROWS]]
    if len(told) > MOST_ROWS:
        shown.append(paragraph(run(f"{ELLIPSIS} and {len(told) - MOST_ROWS} more lines")))
    if shown:
        shown[0]["spacing"] = spacing
    return shown


def paragraph(*runs: Json, spacing: str = "default") -> Json:
    """Return a paragraph of text runs."""
    return {"type": "RichTextBlock", "inlines": list(runs), "spacing": spacing}


def run(text: str, **look: Any) -> Json:
    """Show text as it is: no date is made of it, and what has no spaces can be broken."""
    shown = _ENDLESS.sub(lambda found: found[0] + BREAK, _DATES.sub("{" + JOIN, text))
    return {"type": "TextRun", "text": shown, **look}
