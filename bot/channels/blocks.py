"""A Message as Slack shows it: Block Kit, and the text for notifications and for bad days."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.channels.mrkdwn import Block, escaped, is_tame, link, marked, mention, plain, units
from routing.delivery.channel import Action, Line, Message
from routing.delivery.compose import SILENCES
from routing.delivery.words import ELLIPSIS, fewer, flat, web_link
from storage.model.delivery import Purpose
from storage.model.incident import Status

LONGEST_TITLE, LONGEST_SUMMARY, LONGEST_FIELD, LONGEST_FACT = 150, 1_500, 250, 2_500
MENU = "more"
LONGEST_BUTTON, LONGEST_LINK, LONGEST_TEXT, LONGEST_REPLY = 75, 500, 600, 10_000
MOST_FIELDS, MOST_FACTS, MOST_MENTIONS, MOST_ACTIONS = 10, 2, 20, 5
SECTION, UNCUT = 2_900, 1_000_000
"""Slack: 3,000 characters a section, 2,000 a field, 150 a header, 13,200 a message in all."""

STATES = {
    Status.GATHERING: ":hourglass_flowing_sand: *Gathering*",
    Status.TRIGGERED: ":red_circle: *Triggered*",
    Status.ACKNOWLEDGED: ":large_yellow_circle: *Acknowledged*",
    Status.SNOOZED: ":zzz: *Snoozed*",
    Status.MUTED: ":no_bell: *Muted*",
    Status.RESOLVED: ":white_check_mark: *Resolved*",
}
SILENT, LOST = ", no data since ", ", not delivered"
"""What a state's words may end with; both are worth a mark of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What is handed to Slack.

    text:   for notifications; escaped.
    simple: the whole message where Slack refuses the blocks; pings whom the blocks ping.
    """

    text: str
    blocks: list[Block]
    simple: str


def top(message: Message, *, ping: bool) -> Rendering:
    """Show an incident as it stands. ping: mention those asked (an edit would ping nobody)."""
    pings = _mentions(message.asked) if ping else ""
    blocks = [
        {"type": "header", "text": plain(message.title, LONGEST_TITLE)},
        _section(marked(_headline(message, pings))),
    ]
    if message.summary:
        blocks.append(_section(plain(message.summary, LONGEST_SUMMARY)))
    blocks += _facts([fact for fact in message.facts if not _is_above(fact)])
    blocks += _footer(message)
    if buttons := _buttons(message):
        blocks.append(buttons)
    return _rendering(message, blocks, pings)


def page(message: Message, address: str, *, in_thread: bool) -> Rendering:
    """Ask one person, or tell them something. in_thread: the incident's buttons stand above."""
    pings = mention(address)
    if message.purpose is Purpose.PAGE:
        asks = "please answer" if in_thread else "You are asked to answer"
        first = f"{pings} {asks}: {_words(message, with_asked=False)}".strip()
    else:
        first = f"{pings} {_headline(message, '')}".strip()
    blocks = [_section(marked(first)), _section(plain(_titled(message), LONGEST_SUMMARY))]
    if message.purpose is Purpose.PAGE and message.ack:
        where = "the buttons above or " if in_thread else ""
        hint = f"Answer with {where}`/tocsin ack {message.ack}`"
        blocks.append({"type": "context", "elements": [marked(hint)]})
    return _rendering(message, [*blocks, *_footer(message)], pings)


def history(message: Message, lines: Sequence[Line]) -> Rendering:
    """Tell all of `lines` in one reply; where there are many, each is shortened."""
    room = max(60, min(SECTION, LONGEST_REPLY // max(1, len(lines))) - 1)
    told = [escaped(f"{line.at:%H:%M:%S} UTC {flat(line.text)}", room) for line in lines]
    blocks = [
        _section({"type": "plain_text", "text": part, "emoji": False}) for part in packed(told)
    ]
    if any(line.endswith(ELLIPSIS) for line in told):
        blocks += _footer(message)
    text = escaped(flat(lines[-1].text), LONGEST_TEXT) or told[-1]
    return Rendering(text=text, blocks=blocks, simple="\n".join(told))


def packed(lines: Iterable[str], longest: int = SECTION) -> list[str]:
    """Join lines, each shorter than `longest`, to as few texts of at most `longest` as it takes."""
    parts: list[str] = []
    for line in lines:
        if parts and units(parts[-1]) + units(line) < longest:
            parts[-1] += f"\n{line}"
        else:
            parts.append(line)
    return parts


def _rendering(message: Message, blocks: list[Block], pings: str) -> Rendering:
    state = f"{message.status}, {message.severity}" if message.status else str(message.severity)
    told = f"{state.capitalize()}: {message.title}"
    if message.summary:
        told += f" - {flat(message.summary)}"
    text = escaped(told, LONGEST_TEXT)
    simple = f"{pings} {text}".strip()
    if message.link and (address := _checked(message.link)):
        simple += f"\n{link(address)}"
    return Rendering(text=text, blocks=blocks, simple=simple)


def _headline(message: Message, pings: str) -> str:
    """Say the state, how bad it is, and who is asked."""
    words = _words(message, with_asked=not pings)
    return f"{words} · {pings} please answer" if pings else words


def _words(message: Message, *, with_asked: bool) -> str:
    """Say the state and how bad it is in words; the colour is only an ornament."""
    words = STATES[message.status] if message.status else ":information_source: *Tocsin*"
    return f"{words}{_standing(message, with_asked)} · {message.severity}"


def _standing(message: Message, with_asked: bool) -> str:
    """Say how it stands, behind the word for its state; empty where that could be markup."""
    said = dict(message.facts).get("State", "")
    rest = said.removeprefix(str(message.status))
    rest = f", {rest}" if said and rest == said else rest
    rest, is_lost, _ = rest.partition(LOST)
    rest, is_silent, since = rest.partition(SILENT)
    if not with_asked:
        rest = rest.partition(", asked ")[0]
    if not is_tame(rest) or len(rest) > LONGEST_FIELD:
        rest = ""
    told = escaped(f".{rest}", LONGEST_FIELD + 1)[1:]
    if is_silent:
        told += f" :grey_question: *no data* since {escaped(since, LONGEST_FIELD)}"
    return told + (" :warning: *not delivered*" if is_lost else "")


def _is_above(fact: tuple[str, str]) -> bool:
    """Say whether the headline tells a fact."""
    name, value = fact
    return name == "Severity" or (
        name == "State" and is_tame(value) and len(value) <= LONGEST_FIELD
    )


def _mentions(asked: Sequence[str]) -> str:
    named = dict.fromkeys(filter(None, map(mention, asked)))
    return " ".join(list(named)[:MOST_MENTIONS])


def _titled(message: Message) -> str:
    return f"{message.title}\n{message.summary}" if message.summary else message.title


def _facts(facts: Sequence[tuple[str, str]]) -> list[Block]:
    """Show short facts side by side, and long ones, such as the list of alerts, below them."""
    long = [fact for fact in facts if "\n" in fact[1] or len(fact[1]) > LONGEST_FIELD]
    below = [fact for fact in long if not _checked(fact[1])][:MOST_FACTS]
    beside = [fact for fact in facts if fact not in below][:MOST_FIELDS]
    blocks: list[Block] = []
    if beside:
        fields = [_fact(name, value, LONGEST_FIELD) for name, value in beside]
        if hidden := len(facts) - len(below) - len(beside):
            fields[-1] = plain(f"{ELLIPSIS} and {hidden + 1} more", LONGEST_FIELD)
        blocks.append({"type": "section", "fields": fields})
    return blocks + [_section(_fact(name, value, LONGEST_FACT)) for name, value in below]


def _fact(name: str, value: str, longest: int) -> Block:
    """Show one fact, its name in bold where nothing in it could be taken for markup."""
    address = _checked(value)
    room = longest - 60
    value = fewer(value, room, size=lambda text: units(escaped(text, UNCUT)))
    if not is_tame(name) or not (address or is_tame(value)):
        return plain(f"{name}\n{value}", longest)
    shown = link(address) if address else escaped(value, room) or "-"
    return marked(f"*{escaped(name, 50) or '-'}*\n{shown}")


def _checked(address: str) -> str:
    """Return the address where it can be linked: http(s), hiding nothing, not endless."""
    return web_link(address) if units(link(address)) <= LONGEST_LINK else ""


def _footer(message: Message) -> list[Block]:
    """Say where the rest is."""
    address = _checked(message.link)
    if not address:
        return []
    return [{"type": "context", "elements": [marked(f"More: {link(address)}")]}]


def _buttons(message: Message) -> Block | None:
    if message.incident is None or not message.actions:
        return None
    shown = {"incident": message.incident, "version": message.version}
    value = json.dumps(shown, separators=(",", ":"))
    buttons = [_button(action, value) for action in message.actions[:MOST_ACTIONS]]
    has_none = message.status in (Status.MUTED, Status.RESOLVED)
    menu = [] if has_none else [_menu(shown)]
    return {"type": "actions", "elements": [*buttons, *menu]}


def _menu(shown: dict[str, int]) -> Block:
    """Return the menu behind the three dots: what is said more rarely."""
    options = [
        {
            "text": plain(action.label, LONGEST_BUTTON),
            "value": json.dumps(shown | {"say": action.verb}, separators=(",", ":")),
        }
        for action in SILENCES
    ]
    return {"type": "overflow", "action_id": MENU, "options": options}


def _button(action: Action, value: str) -> Block:
    button: Block = {
        "type": "button",
        "action_id": action.verb,
        "text": plain(action.label, LONGEST_BUTTON),
        "value": value,
    }
    if action.danger:
        button["style"] = "danger"
    elif action.verb == "ack":
        button["style"] = "primary"
    return button


def _section(text: Block) -> Block:
    return {"type": "section", "text": text}
