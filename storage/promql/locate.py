"""The words of a query and where they stand: the parser's own errors carry no position."""

import re
from dataclasses import dataclass
from itertools import pairwise

from storage.errors import QueryError
from storage.promql.functions import AGGREGATIONS

MOST_TOKENS = 2_000
"""Above some ten thousand the parser overflows its stack, which would end the whole process."""

LONGEST_SECONDS = 1e10
"""Three hundred years."""

LONGEST_TEXT = 131_072

_TOKEN = re.compile(
    r"""(?P<gap>\s+|\#[^\n]*)
    |(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)
    |(?P<number>0[xX](?:_?[0-9a-fA-F])+|(?:\d+(?:ms|[smhdwy]))+
        |(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+)?\w*)
    |(?P<name>[^\W\d][\w:]*|:[^\W\d][\w:]*)
    |(?P<mark>=~|!~|==|!=|>=|<=|.)""",
    re.VERBOSE | re.DOTALL,
)
_MISPLACED = re.compile(r"__|_$|_\.|\._|_[eE]|[eE]\d*_|[smhdwy]")
"""Where `_` may not stand in a decimal number, as it only sets digits apart; nor in durations."""
WORDS_BETWEEN = {"and", "or", "unless", "atan2"}
LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
"""Keywords that names of labels in brackets follow."""
_KEYWORDS = WORDS_BETWEEN | LISTS | {"bool", "offset"} | AGGREGATIONS
_BEFORE_DURATION = {"[", ":", "offset"}


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the query; `at` counts characters from its beginning."""

    kind: str
    text: str
    at: int


def tokens(text: str) -> list[Token]:
    """Split a query into words, comments and white space left out; keywords in small letters."""
    return [
        Token(found.lastgroup or "", _small(found.group()), found.start())
        for found in _TOKEN.finditer(text)
        if found.lastgroup != "gap"
    ]


def ungrouped(text: str) -> str:
    """Return a query without the `_` that set digits apart, as in 1_000_000; the parser knows none.

    >>> ungrouped("node_load1 > 1_000")
    'node_load1 > 1000'
    """
    return "".join(
        _digits(found.group()) if found.lastgroup == "number" else found.group()
        for found in _TOKEN.finditer(text)
    )


def _digits(word: str) -> str:
    misplaced = word[:2].lower() != "0x" and _MISPLACED.search(word)
    return word if misplaced else word.replace("_", "")


def _small(word: str) -> str:
    return word.lower() if word.lower() in _KEYWORDS else word


def place(text: str, at: int) -> str:
    """Return `line:column`, both counted from 1, of a character.

    >>> place("up\\n==", 3)
    '2:1'
    """
    line = text.count("\n", 0, at) + 1
    return f"{line}:{at - text.rfind(chr(10), 0, at)}"


def place_of_call(text: str, name: str) -> str:
    """Return `line:column: ` of the first `name(`, or an empty text when it cannot be found."""
    words = tokens(text)
    for word, after in pairwise(words):
        if word.text == name and (after.text == "(" or after.text in LISTS):
            return f"{place(text, word.at)}: "
    return ""


def refuse_unreadable(text: str) -> None:
    """Raise QueryError for what the parser cannot be given: empty, huge, or before 1970."""
    if len(text) > LONGEST_TEXT:
        raise QueryError(
            f"the query has {len(text)} characters; at most {LONGEST_TEXT} are accepted"
        )
    words = tokens(text)
    if not words:
        raise QueryError("the query is empty; write for example `up == 0`")
    if len(words) > MOST_TOKENS:
        raise QueryError(
            f"the query has {len(words)} words; at most {MOST_TOKENS} are accepted: "
            "split it by recording rules"
        )
    for word, after in pairwise(words):
        if word.text == "@" and after.text == "-":
            where = place(text, word.at)
            raise QueryError(f"{where}: `@` takes Unix seconds from 1970 on, not a negative number")
    _refuse_two_names(text, words)
    unsigned = [word for word in words if word.text not in {"-", "+"}]
    for word, after in pairwise(unsigned):
        if word.text in _BEFORE_DURATION and not _is_duration(after.text):
            raise QueryError(
                f"{place(text, after.at)}: {after.text} seconds is no duration; "
                f"from 0.001 to {LONGEST_SECONDS:.0f}"
            )


def _refuse_two_names(text: str, words: list[Token]) -> None:
    """Raise QueryError for `{"up", "down"}`: the parser makes of it what no series fits."""
    inside = named = False
    for before, word, after in zip(words, words[1:], words[2:], strict=False):
        if before.text in {"{", "}"}:
            inside, named = before.text == "{", False
        alone = before.text in {"{", ","} and after.text in {",", "}"}
        if inside and alone and word.kind == "text":
            if named:
                where = place(text, word.at)
                raise QueryError(f"{where}: {word.text} is a second name of the metric; one is all")
            named = True


def _is_duration(word: str) -> bool:
    """Say whether a bare number can be seconds; the parser itself gives up on what cannot."""
    try:
        return 0.001 <= float(word) <= LONGEST_SECONDS
    except ValueError:
        return True
