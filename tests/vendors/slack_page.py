"""How Slack shows messages: Block Kit to HTML, by Slack's own rules for text.

Three entities are decoded and nothing else; `mrkdwn` knows bold, italic, strike, code, links and
mentions; a plain text object shows every sign as it is, with or without emoji names.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from html import escape

from tests.vendors.slack_workspace import Json

EMOJI = {
    "red_circle": "dot red",
    "large_yellow_circle": "dot yellow",
    "white_check_mark": "check",
    "zzz": "zzz",
    "grey_question": "question",
    "hourglass_flowing_sand": "wait",
    "information_source": "info",
    "warning": "warn",
}
SIGNS = {"check": "✓", "zzz": "z", "question": "?", "wait": "…", "info": "i", "warn": "!"}
_MARKED = re.compile(
    r"```(?P<fence>.+?)```|`(?P<code>[^`\n]+)`|<(?P<angle>[^<>\n]+)>"
    r"|(?<![\w*])\*(?P<bold>[^*\n]+)\*(?![\w*])|(?<![\w_])_(?P<italic>[^_\n]+)_(?![\w_])"
    r"|(?<![\w~])~(?P<strike>[^~\n]+)~(?![\w~])|:(?P<emoji>[a-z0-9_+-]+):",
    re.DOTALL,
)
STYLE = """
* { box-sizing: border-box; }
body { margin: 0; padding: 20px; background: #fff; color: #1d1c1d; width: 1280px;
  font: 15px/1.46 Lato, "Helvetica Neue", Helvetica, "DejaVu Sans", Arial, sans-serif; }
.wall { column-count: 3; column-gap: 20px; }
figure { break-inside: avoid; margin: 0 0 20px; border: 1px solid #ddd; border-radius: 8px;
  padding: 10px 14px 12px; overflow-wrap: anywhere; }
figcaption { color: #616061; font-size: 12px; margin-bottom: 6px; }
.who { font-weight: 900; } .app { background: #e8e8e8; color: #616061; font-size: 10px;
  font-weight: 700; padding: 1px 3px; border-radius: 2px; } .at { color: #616061; font-size: 12px; }
h3 { font-size: 18px; line-height: 1.33; margin: 4px 0; font-weight: 900; }
.block { margin: 6px 0; white-space: pre-wrap; }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 6px 12px; }
.context { color: #616061; font-size: 13px; }
.actions { display: flex; gap: 8px; flex-wrap: wrap; }
button { font: 700 13px/1 inherit; font-family: inherit; padding: 8px 12px; border-radius: 6px;
  border: 1px solid #bbb; background: #fff; color: #1d1c1d; }
button.primary { color: #007a5a; border-color: #007a5a; }
button.danger { color: #e01e5a; border-color: #e01e5a; }
a { color: #1264a3; text-decoration: none; }
.ping { background: #fbf3d3; color: #1264a3; border-radius: 3px; padding: 0 2px; }
code { color: #c01343; background: #f8f8f8; border: 1px solid #ddd; border-radius: 3px;
  padding: 1px 3px; font-size: 12px; }
pre { background: #f8f8f8; border: 1px solid #ddd; border-radius: 4px; padding: 8px; margin: 4px 0;
  font-size: 11px; overflow: hidden; }
.thread { border-left: 3px solid #ddd; margin-top: 8px; padding-left: 10px; font-size: 13px; }
i.e { display: inline-block; width: 15px; height: 15px; border-radius: 8px; font: 700 11px/15px
  sans-serif; text-align: center; vertical-align: -2px; color: #fff; background: #1d9bd1; }
i.red { background: #dd2e44; } i.yellow { background: #fdcb58; } i.check { background: #77b255;
  border-radius: 3px; } i.zzz { background: #5d6ddb; } i.question { background: #999; }
"""

Name = Callable[[str], str]


def page(shown: Iterable[tuple[str, Json, list[Json]]], names: Mapping[str, str]) -> str:
    """Return a page of messages. shown: (caption, message, replies).  names: member id -> name."""
    name: Name = lambda id: names.get(id, id)  # noqa: E731
    figures = "".join(
        f"<figure><figcaption>{escape(caption)}</figcaption>{message(top, name)}"
        + "".join(f'<div class="thread">{message(reply, name)}</div>' for reply in replies)
        + "</figure>"
        for caption, top, replies in shown
    )
    return (
        f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style>'
        f'<div class="wall">{figures}</div>'
    )


def message(said: Json, name: Name) -> str:
    """Show one message: its blocks, or its text where it has none."""
    blocks = said.get("blocks") or [
        {"type": "section", "text": {"type": "mrkdwn", "text": said.get("text") or ""}}
    ]
    head = '<span class="who">Tocsin</span> <span class="app">APP</span>'
    return f"<div>{head}</div>" + "".join(_block(block, name) for block in blocks)


def _block(block: Json, name: Name) -> str:
    match block["type"]:
        case "header":
            return f"<h3>{_text(block['text'], name)}</h3>"
        case "section":
            if "fields" in block:
                fields = "".join(f"<div>{_text(it, name)}</div>" for it in block["fields"])
                return f'<div class="block fields">{fields}</div>'
            return f'<div class="block">{_text(block["text"], name)}</div>'
        case "context":
            texts = " ".join(_text(it, name) for it in block["elements"])
            return f'<div class="block context">{texts}</div>'
        case "actions":
            return f'<div class="actions">{"".join(map(_button, block["elements"]))}</div>'
    return ""


def _button(element: Json) -> str:
    if element["type"] == "overflow":
        return '<button title="More actions">⋯</button>'
    label = escape(_decoded(element["text"]["text"]))
    return f'<button class="{element.get("style", "")}">{label}</button>'


def _text(text: Json, name: Name) -> str:
    if text["type"] == "plain_text":
        shown = escape(_decoded(text["text"]))
        return _emojis(shown) if text.get("emoji", True) else shown
    return _marked(text["text"], name)


def _marked(text: str, name: Name) -> str:
    parts, at = [], 0
    for found in _MARKED.finditer(text):
        parts.append(escape(_decoded(text[at : found.start()])))
        parts.append(_mark(found, name))
        at = found.end()
    return "".join([*parts, escape(_decoded(text[at:]))])


def _mark(found: re.Match[str], name: Name) -> str:
    kind, inner = next((kind, text) for kind, text in found.groupdict().items() if text)
    match kind:
        case "fence":
            return f"<pre>{escape(_decoded(inner.strip(chr(10))))}</pre>"
        case "code":
            return f"<code>{escape(_decoded(inner))}</code>"
        case "angle":
            return _angle(inner, name)
        case "emoji":
            return _emoji(inner)
    tag = {"bold": "b", "italic": "em", "strike": "s"}[kind]
    return f"<{tag}>{_marked(inner, name)}</{tag}>"


def _angle(inner: str, name: Name) -> str:
    if inner[0] in "@!#":
        who = name(inner[1:]) if inner[0] == "@" else inner[1:].split("|")[0]
        return f'<span class="ping">@{escape(who)}</span>'
    address, _, label = inner.partition("|")
    return f'<a href="#">{escape(_decoded(label or address))}</a>'


def _emojis(shown: str) -> str:
    return re.sub(r":([a-z0-9_+-]+):", lambda found: _emoji(found[1]), shown)


def _emoji(name: str) -> str:
    kind = EMOJI.get(name)
    if kind is None:
        return f":{escape(name)}:"
    return f'<i class="e {kind}">{SIGNS.get(kind, "")}</i>'


def _decoded(text: str) -> str:
    """Undo exactly the three escapes that Slack undoes."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
