"""The words of a Go template: plain text, and the tokens of each action, white space trimmed."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from storage.errors import BotError


class TemplateError(BotError):
    """A template cannot be read or expanded. `at` counts characters from its beginning."""

    def __init__(self, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an action. `glued`: no white space before it."""

    kind: str
    text: str
    at: int
    glued: bool = False


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<string>"(?:\\.|[^"\\\n])*"|`[^`]*`)
    |(?P<char>'(?:\\.|[^'\\\n])+')
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?))
    |(?P<variable>\$\w*)
    |(?P<field>\.[^\W\d]\w*)
    |(?P<dot>\.)
    |(?P<mark>:=|=|\||\(|\)|,)
    |(?P<word>[^\W\d]\w*)""",
    re.VERBOSE,
)
_TRIM_RIGHT = re.compile(r"[ \t\r\n]+-}}")
_COMMENT = re.compile(r"\{\{(?:-[ \t\r\n]+)?/\*.*?\*/(?:[ \t\r\n]+-)?\}\}", re.S)


def pieces(text: str) -> Iterator[str | list[Token]]:
    """Split into plain text and the tokens of each action; white space trimmed."""
    at, trim = 0, False
    while True:
        start = text.find("{{", at)
        plain = text[at:] if start < 0 else text[at:start]
        if trim:
            plain = plain.lstrip(" \t\r\n")
        if start >= 0 and re.match(r"\{\{-[ \t\r\n]", text[start:]):
            plain = plain.rstrip(" \t\r\n")
        if plain:
            yield plain
        if start < 0:
            return
        if comment := _COMMENT.match(text, start):
            trim, at = comment.group().endswith("-}}"), comment.end()
            continue
        tokens, at, trim = _action(text, start)
        yield tokens


def _action(text: str, start: int) -> tuple[list[Token], int, bool]:
    """Return the tokens of the action that begins at `start`, where it ends, and if it trims."""
    at = start + 2
    if re.match(r"-[ \t\r\n]", text[at:]):
        at += 1
    tokens: list[Token] = []
    spaced = True
    while True:
        if text.startswith("}}", at):
            return tokens, at + 2, False
        if found := _TRIM_RIGHT.match(text, at):
            return tokens, found.end(), True
        match = _TOKEN.match(text, at)
        if match is None:
            if at >= len(text):
                raise TemplateError("{{ is never closed by }}", start)
            raise TemplateError(f"{text[at]!r} cannot stand inside {{{{ }}}}", at)
        kind = match.lastgroup or ""
        if kind != "space":
            tokens.append(Token(kind, match.group(), at, not spaced))
        spaced, at = kind == "space", match.end()


def constant(token: Token) -> Any:
    text = token.text
    try:
        if token.kind == "number":
            plain = text.replace("_", "")
            if "x" in plain.lower():
                return int(plain, 16)
            return float(plain) if re.search(r"[.eE]", plain) else int(plain)
        if text.startswith("`"):
            return text[1:-1]
        if token.kind == "char":
            return ord(json.loads(f'"{text[1:-1]}"'))
        return _unquoted(text)
    except (ValueError, TypeError) as error:
        raise TemplateError(f"{text} cannot be read", token.at) from error


_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))")
_SINGLE = dict(zip("abfnrtv\\\"'", "\a\b\f\n\r\t\v\\\"'", strict=True))


def _unquoted(text: str) -> str:
    def plain(found: "re.Match[str]") -> str:
        if found[5] is not None:
            if found[5] not in _SINGLE:
                raise ValueError(found.group())
            return _SINGLE[found[5]]
        if found[4] is not None:
            return chr(int(found[4], 8))
        return chr(int(found[1] or found[2] or found[3], 16))

    return _ESCAPE.sub(plain, text[1:-1])
