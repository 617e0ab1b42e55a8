"""Where a query is wrong, and what would be right: the parser's own errors carry no position."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from storage.errors import QueryError, nearest
from storage.promql.functions import AGGREGATIONS, FUNCTIONS, REFUSED

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
_WORDS_BETWEEN = {"and", "or", "unless", "atan2"}
_MARKS_BETWEEN = {"+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<="}
_LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_LISTS_MAYBE = {"group_left", "group_right"}
_KEYWORDS = _WORDS_BETWEEN | _LISTS | {"bool", "offset"} | AGGREGATIONS
_BEFORE_DURATION = {"[", ":", "offset"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}


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
        if word.text == name and (after.text == "(" or after.text in _LISTS):
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
    unsigned = [word for word in words if word.text not in {"-", "+"}]
    for word, after in pairwise(unsigned):
        if word.text in _BEFORE_DURATION and not _is_duration(after.text):
            raise QueryError(
                f"{place(text, after.at)}: {after.text} seconds is no duration; "
                f"from 0.001 to {LONGEST_SECONDS:.0f}"
            )


def _is_duration(word: str) -> bool:
    """Say whether a bare number can be seconds; the parser itself gives up on what cannot."""
    try:
        return 0.001 <= float(word) <= LONGEST_SECONDS
    except ValueError:
        return True


def explain(text: str, reason: str) -> str:
    """Turn the parser's reason into: line:column, what was found, what would be right."""
    words = tokens(text)
    for pattern, tell in _REASONS:
        if found := pattern.search(reason):
            return tell(text, words, found)
    odd = _first_odd(words)
    if odd is None:
        return reason
    where, wanted = odd
    if where >= len(words):
        return f"{place(text, len(text.rstrip()))}: the query ends too early; expected {wanted}"
    return (
        f"{place(text, words[where].at)}: found {words[where].text!r} where {wanted} was expected"
    )


def _unknown_function(text: str, _: Sequence[Token], found: "re.Match[str]") -> str:
    name = found.group(1)
    where = place_of_call(text, name)
    if name in REFUSED:
        return f"{where}{name}() {REFUSED[name]}"
    known = [*FUNCTIONS, *AGGREGATIONS]
    hint = nearest(name, known).strip() or "the names are those of Prometheus"
    return f"{where}no function is called {name!r}; {hint}"


def _wrong_type(text: str, words: Sequence[Token], found: "re.Match[str]") -> str:
    wanted, name, got = found.groups()
    where = place_of_call(text, name)
    hint = ""
    if wanted == "matrix" and got == "vector":
        hint = f"; give it a range, e.g. {name}({_first_metric(words)}[5m])"
    elif wanted == "vector" and got == "matrix":
        hint = "; take the range in [] away, or aggregate it by a function like avg_over_time"
    elif wanted == "vector" and got == "scalar":
        hint = "; vector() makes a vector of a number"
    elif wanted == "scalar" and got == "vector":
        hint = "; scalar() makes a number of a vector of one series"
    return f"{where}{name}() expects {_kind(wanted)}, got {_kind(got)}{hint}"


def _kind(word: str) -> str:
    """Say what the parser calls a matrix or a vector as the manual does."""
    return {"matrix": "a range vector", "vector": "an instant vector"}.get(word, f"a {word}")


def _wrong_count(text: str, _: Sequence[Token], found: "re.Match[str]") -> str:
    wanted, name, got = found.groups()
    return f"{place_of_call(text, name)}{name}() takes {wanted} argument(s), got {got}"


def _wrong_aggregate(text: str, words: Sequence[Token], found: "re.Match[str]") -> str:
    wanted, got = found.groups()
    named = {word.text for word in words} & set(AGGREGATIONS)
    where = place_of_call(text, named.pop()) if len(named) == 1 else ""
    return f"{where}the aggregation expects {_kind(wanted)}, got {_kind(got)}"


def _set_of_numbers(text: str, words: Sequence[Token], found: "re.Match[str]") -> str:
    word = next((word for word in words if word.text.lower() == found.group(1)), None)
    where = f"{place(text, word.at)}: " if word else ""
    return f"{where}`{found.group(1)}` joins two instant vectors; vector() makes one of a number"


def _quoted(text: str, _: Sequence[Token], found: "re.Match[str]") -> str:
    at = text.find(found.group(1))
    return f"{place(text, at)}: {found.string}" if at >= 0 else found.string


def _first_metric(words: Sequence[Token]) -> str:
    known = {*FUNCTIONS, *AGGREGATIONS, *_LISTS}
    return next((w.text for w in words if w.kind == "name" and w.text not in known), "metric")


def _bad_duration(text: str, _: Sequence[Token], found: "re.Match[str]") -> str:
    bad = found.group(1)
    at = text.find(bad)
    where = f"{place(text, at)}: " if at >= 0 else ""
    return (
        f"{where}{bad!r} is neither a number nor a duration; write 1.5, 5m or 1h30m "
        "(units ms s m h d w y, the largest first)"
    )


def _bad_regex(text: str, _: Sequence[Token], found: "re.Match[str]") -> str:
    at = text.find(found.group(1))
    where = f"{place(text, at)}: " if at >= 0 else ""
    return (
        f"{where}the regular expression {found.group(1)!r} cannot be read; escape ( [ * + by \\\\"
    )


def _brackets(text: str, words: Sequence[Token], found: "re.Match[str]") -> str:
    open_ones: list[Token] = []
    for word in words:
        if word.kind != "mark":
            continue
        if word.text in _CLOSING:
            open_ones.append(word)
        elif word.text in _CLOSING.values():
            if not open_ones or _CLOSING[open_ones[-1].text] != word.text:
                wanted = f"{_CLOSING[open_ones[-1].text]!r} was expected" if open_ones else ""
                why = wanted or "nothing is open: take it away"
                return f"{place(text, word.at)}: found {word.text!r} where {why}"
            open_ones.pop()
    if open_ones:
        last = open_ones[-1]
        return f"{place(text, last.at)}: {last.text!r} is never closed by {_CLOSING[last.text]!r}"
    where = f"{place(text, text.index('['))}: " if "[" in text else ""
    return f"{where}{found.string}; a range is a duration such as [5m] or [1h:1m]"


def _plain(hint: str) -> "Callable[[str, Sequence[Token], re.Match[str]], str]":
    def tell(_: str, __: Sequence[Token], found: "re.Match[str]") -> str:
        return f"{found.string}; {hint}"

    return tell


_REASONS: Sequence[
    "tuple[re.Pattern[str], Callable[[str, Sequence[Token], re.Match[str]], str]]"
] = (
    (re.compile(r"unknown function with name '(.*)'"), _unknown_function),
    (re.compile(r"expected type (\w+) in call to function '(\w+)', got (\w+)"), _wrong_type),
    (re.compile(r"expected (.+) argument\(s\) in call to '(\w+)', got (\d+)"), _wrong_count),
    (re.compile(r"expected type (\w+) in aggregation expression, got (\w+)"), _wrong_aggregate),
    (re.compile(r"set operator '(\w+)' not allowed"), _set_of_numbers),
    (re.compile(r"unexpected character: '(.)'"), _quoted),
    (re.compile(r"bad number or duration syntax: (.+)"), _bad_duration),
    (re.compile(r"illegal regex for (.+)"), _bad_regex),
    (re.compile(r"parenthes|inside braces|inside brackets|unclosed|unexpected right"), _brackets),
    (re.compile(r"must use BOOL"), _plain("write for example `1 < bool 2`")),
    (
        re.compile(r"at least one non-empty matcher"),
        _plain('name a metric or a label: `up` or {job="api"}'),
    ),
    (
        re.compile(r"only scalar and instant vector"),
        _plain("a range such as x[5m] goes into a function like rate() first"),
    ),
)


def _first_odd(words: Sequence[Token]) -> tuple[int, str] | None:
    """Return the index of the first word that cannot stand where it stands, and what could."""
    want_operand, index = True, 0
    while index < len(words):
        word = words[index]
        if word.text == "{" and word.kind == "mark":
            if not want_operand and words[index - 1].kind != "name":
                return index, "an operator"
            index, wanted = _after_matchers(words, index + 1)
            if wanted:
                return index, wanted
            want_operand = False
        elif word.text in _LISTS and word.kind == "name":
            if word.text not in _LISTS_MAYBE and _text_at(words, index + 1) != "(":
                return index + 1, "'(' and the names of labels"
            index = _after_list(words, index + 1)
            continue
        elif word.text in _MARKS_BETWEEN or (word.kind == "name" and word.text in _WORDS_BETWEEN):
            if want_operand and word.text not in {"+", "-"}:
                return index, "a metric, a number or a function"
            want_operand = True
        elif word.kind in {"name", "number", "text"}:
            if word.text == "bool" and word.kind == "name":
                index += 1
                continue
            if word.text == "offset" and word.kind == "name":
                index += 2 if _text_at(words, index + 1) in {"-", "+"} else 1
                if index >= len(words) or words[index].kind != "number":
                    return index, "a duration such as 5m"
                index += 1
                continue
            if not want_operand:
                return index, "an operator"
            want_operand = False
        elif word.text in "(,":
            want_operand = True
        elif word.text == "@" and not _reads_as_moment(words, index + 1):
            return index + 1, "Unix seconds, start() or end()"
        elif word.text in "[@":
            index = _after_range(words, index)
            continue
        elif word.text in ")]" and want_operand and words[index - 1].text not in "()":
            return index, "a metric, a number or a function"
        elif word.text in ")]":
            want_operand = False
        else:
            return index, "an operator, a metric, a number or a function"
        index += 1
    return (index, "a metric, a number or a function") if want_operand else None


def _text_at(words: Sequence[Token], index: int) -> str:
    return words[index].text if index < len(words) else ""


def _reads_as_moment(words: Sequence[Token], index: int) -> bool:
    if _text_at(words, index) in {"start", "end"}:
        return _text_at(words, index + 1) == "(" and _text_at(words, index + 2) == ")"
    return index < len(words) and words[index].kind == "number"


def _after_list(words: Sequence[Token], index: int) -> int:
    """Walk over the labels in brackets, if there are any."""
    if _text_at(words, index) != "(":
        return index
    while index < len(words) and words[index].text != ")":
        index += 1
    return index + 1


def _after_range(words: Sequence[Token], index: int) -> int:
    if words[index].text == "@":
        return index + (4 if index + 1 < len(words) and words[index + 1].kind == "name" else 2)
    while index < len(words) and words[index].text != "]":
        index += 1
    return index + 1


def _after_matchers(words: Sequence[Token], index: int) -> tuple[int, str]:
    """Walk over `name op "value", ...}`; an empty text says that all is well."""
    wanted = ("a label's name", "one of = != =~ !~", "a text in quotes", "',' or '}'")
    turn = 0
    while index < len(words):
        word = words[index]
        if word.text == "}" and turn in (0, 3):
            return index, ""
        fits = (
            word.kind in {"name", "text"},
            word.text in {"=", "!=", "=~", "!~"},
            word.kind == "text",
            word.text == ",",
        )
        if not fits[turn]:
            return index, wanted[turn]
        quoted_name = turn == 0 and word.kind == "text" and words[index + 1 : index + 2]
        turn = 3 if quoted_name and quoted_name[0].text in {",", "}"} else (turn + 1) % 4
        index += 1
    return index, "'}'"
