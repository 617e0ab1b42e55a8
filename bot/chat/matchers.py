"""Matchers as people type them, off the front of a sentence."""

import re

from bot.config.fields import parse_matcher
from storage.model.labels import Matcher

_SIGN = r'(?:[a-zA-Z_:][\w:]*|"(?:[^"\\]|\\.)+")\s*(?:=~|!~|!=|=)'
_PLAIN = rf'[^\s"]+?(?=,\s*{_SIGN}|,?\s|,?$)'
"""A value without quotes; a comma in front of another matcher, as Prometheus writes, ends it."""
_MATCHER = re.compile(rf'[\s,]*({_SIGN}\s*(?:"(?:[^"\\]|\\.)*"|{_PLAIN}))')
_BRACED = re.compile(r'\{((?:"(?:[^"\\]|\\.)*"|[^"}])*)\}(.*)', re.DOTALL)
_QUOTES = str.maketrans("“”„", '"""')
"""What phones and chats make of quotes that were typed."""


def read_matchers(text: str) -> tuple[list[Matcher], str]:
    """Read `service=checkout name="two words"`, `{a="b",c="d"}`; return them and what is left.

    `FREQ=WEEKLY` is no matcher: it says how often a window comes.  Raises ValueError, in words.
    """
    text = text.translate(_QUOTES)
    braced = _BRACED.fullmatch(text)
    text, matchers = " ".join(braced.groups()) if braced else text, list[Matcher]()
    while (found := _MATCHER.match(text)) and not found[1].upper().startswith("FREQ="):
        matchers.append(parse_matcher(found[1]))
        text = text[found.end() :]
    return matchers, text.lstrip(", ") if matchers else text
