"""What is wrong with a query that the parser refuses, where, and what would be right."""

import re
from collections.abc import Callable, Sequence

from storage.errors import nearest
from storage.promql.functions import AGGREGATIONS, FUNCTIONS, REFUSED
from storage.promql.locate import LISTS, WORDS_BETWEEN, Token, place, place_of_call, tokens
from storage.promql.tree import COMPARISONS

_MARKS_BETWEEN = {"+", "-", "*", "/", "%", "^", *COMPARISONS}
_LISTS_MAYBE = {"group_left", "group_right"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}


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
    known = {*FUNCTIONS, *AGGREGATIONS, *LISTS}
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


def _at_word(
    hint: str, *names: str, nth: int = 0, alone: bool = False
) -> "Callable[[str, Sequence[Token], re.Match[str]], str]":
    """Point at the `nth` word that is one of `names`, or at what the pattern's group found.

    alone: only where there is no other such word; which of several is meant cannot be known.
    """

    def tell(text: str, words: Sequence[Token], found: "re.Match[str]") -> str:
        wanted = names or found.groups()
        there = [word.at for word in words if word.text in wanted]
        clear = len(there) == 1 if alone else nth < len(there)
        where = f"{place(text, there[nth])}: " if clear else ""
        return f"{where}{found.string}{hint}"

    return tell


def _odd_mark(text: str, _: Sequence[Token], found: "re.Match[str]") -> str:
    """Point at the mark in braces; often a quotation mark of a word processor."""
    where = f"{place(text, text.index(found.group(1)))}: " if found.group(1) in text else ""
    return f'{where}{found.string}; write {{job="api"}}, with straight quotes'


def _copied_label(text: str, words: Sequence[Token], found: "re.Match[str]") -> str:
    """Point at the label after group_left or group_right that the match has already."""
    marks = [index for index, word in enumerate(words) if word.text in _LISTS_MAYBE]
    after = [word for index in marks for word in words[index:] if word.text == found.group(1)]
    where = f"{place(text, after[0].at)}: " if after else ""
    return f"{where}{found.string}; the answer has it without being copied"


def _no_time(text: str, words: Sequence[Token], found: "re.Match[str]") -> str:
    """Point at the duration that is nothing."""
    nothing = (word for word in words if word.kind == "number" and not word.text.strip("0msdhwy."))
    word = next(nothing, None)
    where = f"{place(text, word.at)}: " if word else ""
    return f"{where}{found.string}; write for example 5m"


def _no_matcher(text: str, words: Sequence[Token], found: "re.Match[str]") -> str:
    """Point at the braces that no name of a metric stands before."""
    bare = [
        word.at
        for index, word in enumerate(words)
        if word.text == "{" and (not index or words[index - 1].kind != "name")
    ]
    where = f"{place(text, bare[0])}: " if len(bare) == 1 else ""
    return f'{where}{found.string}; name a metric or a label: `up` or {{job="api"}}'


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
    (re.compile(r"unexpected character inside braces: '(.)'"), _odd_mark),
    (re.compile(r"parenthes|inside braces|inside brackets|unclosed|unexpected right"), _brackets),
    (
        re.compile(r"must use BOOL"),
        _at_word("; write for example `1 < bool 2`", *COMPARISONS, alone=True),
    ),
    (re.compile(r"at least one non-empty matcher"), _no_matcher),
    (
        re.compile(r"only scalar and instant vector"),
        _at_word("; a range such as x[5m] goes into rate() or its like first", "[", alone=True),
    ),
    (
        re.compile(r"unary expression only allowed"),
        _at_word("; put the sign before what a function makes of it", "-", "+", alone=True),
    ),
    (
        re.compile(r"wrong number of arguments for aggregate"),
        _at_word("; write for example sum(x), topk(3, x)", *AGGREGATIONS, alone=True),
    ),
    (re.compile(r"offset may not be set multiple"), _at_word("; add them up", "offset", nth=1)),
    (re.compile(r"bool modifier can only"), _at_word("; take it away", "bool", alone=True)),
    (
        re.compile(r"no grouping allowed for '\w+'"),
        _at_word("; take it away: every match counts", *_LISTS_MAYBE, alone=True),
    ),
    (re.compile(r"label '(.+)' must not occur in ON and GROUP"), _copied_label),
    (
        re.compile(r"metric name must not be set twice"),
        _at_word("; write it before the braces or in them", "__name__"),
    ),
    (
        re.compile(r"not a valid duration string: (.+)"),
        _at_word("; write 5m or 1h30m (units ms s m h d w y, the largest first)"),
    ),
    (re.compile(r"duration must be greater than 0"), _no_time),
    (re.compile(r"unexpected second colon"), _at_word("; write [range:step]", ":", nth=1)),
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
        elif word.text in LISTS and word.kind == "name":
            if word.text not in _LISTS_MAYBE and _text_at(words, index + 1) != "(":
                return index + 1, "'(' and the names of labels"
            index = _after_list(words, index + 1)
            if want_operand and _text_at(words, index) in {")", "]", ","}:
                return index, "a metric, a number or a function"
            if _text_at(words, index) == "(":  # what is aggregated, or the other side
                want_operand, index = True, index + 1
            continue
        elif word.text in _MARKS_BETWEEN or (word.kind == "name" and word.text in WORDS_BETWEEN):
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
        elif word.text == "(" and not want_operand and words[index - 1].kind != "name":
            return index, "an operator"
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
