"""What is refused, where the fault is said to be, and what is suggested."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import QueryError
from storage.model.labels import Matcher, MatchOp
from storage.promql.locate import place, tokens
from storage.promql.parse import parse
from storage.promql.tree import (
    Aggregation,
    Binary,
    Call,
    Card,
    Edge,
    Matching,
    Negate,
    Number,
    Selector,
    String,
    Subquery,
    Window,
)

UP = Selector((Matcher("__name__", MatchOp.EQUAL, "up"),))


# fmt: off
GOOD = [
    ("up", UP),
    ("(((up)))", UP),
    ('up{job!="a", zone=~"e.*", rack!~"9"}', Selector((
        *UP.matchers, Matcher("job", MatchOp.NOT_EQUAL, "a"),
        Matcher("zone", MatchOp.REGEX, "e.*"), Matcher("rack", MatchOp.NOT_REGEX, "9")))),
    ('{"up"}', UP),
    ("up offset 1h30m", Selector(UP.matchers, 5_400_000)),
    ("up offset -500ms", Selector(UP.matchers, -500)),
    ("up @ 1.5", Selector(UP.matchers, 0, 1_500)),
    ("up @ start()", Selector(UP.matchers, 0, Edge.START)),
    ("up[5m] @ end() offset 1m", Window(Selector(UP.matchers, 60_000, Edge.END), 300_000)),
    ("up[1h:]", Subquery(UP, 3_600_000, 60_000)),
    ("up[1h:5m] offset 1m @ 7", Subquery(UP, 3_600_000, 300_000, 60_000, 7_000)),
    ("rate(up[5m])", Call("rate", (Window(UP, 300_000),))),
    ("sum by (a, b) (up)", Aggregation("sum", UP, ("a", "b"))),
    ("SUM(up) WITHOUT (a)", Aggregation("sum", UP, ("a",), without=True)),
    ("topk(3, up)", Aggregation("topk", UP, param=Number(3.0))),
    ('count_values("v", up)', Aggregation("count_values", UP, param=String("v"))),
    ("-1", Number(-1.0)),
    ("-up", Negate(UP)),
    ("0x1F", Number(31.0)),
    ("1_000_000", Number(1e6)),
    ("1_000.5e1", Number(10_005.0)),
    (".123_456", Number(0.123456)),
    ("0x_53_AB", Number(21_419.0)),
    ("up[1_800] offset 6_0", Window(Selector(UP.matchers, 60_000), 1_800_000)),
    ('{"up"} or {"up"}', Binary("or", UP, UP, Matching(card=Card.MANY_TO_MANY))),
    ('label_join(up, "a", "b")', Call("label_join", (UP, String("a"), String("b")))),
    ('{"up", zone="1_0"}', Selector((*UP.matchers, Matcher("zone", MatchOp.EQUAL, "1_0")))),
    ("'it\\'s'", String("it's")),
    ("up > bool 1", Binary(">", UP, Number(1.0), to_bool=True)),
    ("up / on (a) group_left (b) up", Binary(
        "/", UP, UP, Matching(True, ("a",), Card.MANY_TO_ONE, ("b",)))),
    ("up and ignoring (a) up", Binary(
        "and", UP, UP, Matching(False, ("a",), Card.MANY_TO_MANY))),
]
# fmt: on


@pytest.mark.parametrize(("text", "tree"), GOOD)
def test_a_query_becomes_a_tree(text: str, tree: object) -> None:
    assert parse(text) == tree


# fmt: off
BAD = [
    ("", "the query is empty; write for example `up == 0`"),
    ("  # nothing", "the query is empty; write for example `up == 0`"),
    ("rat(up[5m])", "1:1: no function is called 'rat'; did you mean 'rate'?"),
    ("1 +\n  sum(avg_over_tme(up[5m]))",
     "2:7: no function is called 'avg_over_tme'; did you mean 'avg_over_time'?"),
    ("zzz(up)", "1:1: no function is called 'zzz'; the names are those of Prometheus"),
    ("sum(rate(errors))",
     "1:5: rate() expects a range vector, got an instant vector; "
     "give it a range, e.g. rate(errors[5m])"),
    ("abs(up[5m])",
     "1:1: abs() expects an instant vector, got a range vector; "
     "take the range in [] away, or aggregate it by a function like avg_over_time"),
    ("abs(1)", "1:1: abs() expects an instant vector, got a scalar; "
               "vector() makes a vector of a number"),
    ("clamp_min(up, up)", "1:1: clamp_min() expects a scalar, got an instant vector; "
                          "scalar() makes a number of a vector of one series"),
    ("round(up, 1, 2)", "1:1: round() takes at most 2 argument(s), got 3"),
    ("sum(1)", "1:1: the aggregation expects an instant vector, got a scalar"),
    ("up or 1", "1:4: `or` joins two instant vectors; vector() makes one of a number"),
    ("sum(rate(up[5m])", "1:4: '(' is never closed by ')'"),
    ("up)", "1:3: found ')' where nothing is open: take it away"),
    ('up{a="b"', "1:3: '{' is never closed by '}'"),
    ("up[5m)", "1:6: found ')' where ']' was expected"),
    ("up{job=api}", "1:8: found 'api' where a text in quotes was expected"),
    ('up{="b"}', "1:4: found '=' where a label's name was expected"),
    ('up{a="b" c="d"}', "1:10: found 'c' where ',' or '}' was expected"),
    ('up{a "b"}', "1:6: found '\"b\"' where one of = != =~ !~ was expected"),
    ('up{a="b"}{c="d"}', "1:10: found '{' where an operator was expected"),
    ("up down", "1:4: found 'down' where an operator was expected"),
    ('up["5m"]', "1:3: unexpected character inside brackets: '\"'; "
                 "a range is a duration such as [5m] or [1h:1m]"),
    ("sum by (a) (up) up", "1:17: found 'up' where an operator was expected"),
    ("up / on (a) group_left up up", "1:27: found 'up' where an operator was expected"),
    ("sum(up +)", "1:9: found ')' where a metric, a number or a function was expected"),
    ("up +", "1:5: the query ends too early; expected a metric, a number or a function"),
    ("up AND", "1:7: the query ends too early; expected a metric, a number or a function"),
    ("up / / up", "1:6: found '/' where a metric, a number or a function was expected"),
    ("sum(up) by", "1:11: the query ends too early; expected '(' and the names of labels"),
    ("rate(up[5m] offset)", "1:19: found ')' where a duration such as 5m was expected"),
    ("up @ start", "1:6: found 'start' where Unix seconds, start() or end() was expected"),
    ("up @ -5", "1:4: `@` takes Unix seconds from 1970 on, not a negative number"),
    ("up @ 1e12", "a duration or a time is too large; `@` ends with the year 9999"),
    ("up @ 1e30", "a duration or a time is too large; `@` ends with the year 9999"),
    ("up[99999999y]", "a duration or a time is too large; `@` ends with the year 9999"),
    ("up[1e300]", "1:4: 1e300 seconds is no duration; from 0.001 to 10000000000"),
    ("up[5m:0]", "1:7: 0 seconds is no duration; from 0.001 to 10000000000"),
    ("up offset -Inf", "1:12: Inf seconds is no duration; from 0.001 to 10000000000"),
    ("é", "1:1: unexpected character: 'é'"),
    ("rate(up[5x])",
     "1:9: '5x' is neither a number nor a duration; write 1.5, 5m or 1h30m "
     "(units ms s m h d w y, the largest first)"),
    ('up{a=~"("}', "1:8: the regular expression '(' cannot be read; escape ( [ * + by \\\\"),
    ("1 > 2", "1:3: comparisons between scalars must use BOOL modifier; "
              "write for example `1 < bool 2`"),
    ("1 > 2 > 3", "comparisons between scalars must use BOOL modifier; "
                  "write for example `1 < bool 2`"),
    ("up + bool up",
     "1:6: bool modifier can only be used on comparison operators; take it away"),
    ("up offset 1m offset 2m", "1:14: offset may not be set multiple times; add them up"),
    ("up and on (a) group_left up",
     "1:15: no grouping allowed for 'and' operation; take it away: every match counts"),
    ("up * on (a) group_left (a) up",
     "1:25: label 'a' must not occur in ON and GROUP clause at once; "
     "the answer has it without being copied"),
    ('up{__name__="down"}', "1:4: metric name must not be set twice: 'up' or 'down'; "
                            "write it before the braces or in them"),
    ("rate(up[0s])", "1:9: duration must be greater than 0; write for example 5m"),
    ("rate(up[5m1h])", "1:9: not a valid duration string: 5m1h; "
                       "write 5m or 1h30m (units ms s m h d w y, the largest first)"),
    ("up[5m:1m:2m]", "1:9: unexpected second colon(:) in brackets; write [range:step]"),
    ("sum(up / on (a) group_left (up))",
     "1:32: found ')' where a metric, a number or a function was expected"),
    ('{"up", "down"}', '1:8: "down" is a second name of the metric; one is all'),
    ('{"up", a="b", "up"}', '1:15: "up" is a second name of the metric; one is all'),
    ("sum() (up)", "1:7: found '(' where an operator was expected"),
    ("(up) (up)", "1:6: found '(' where an operator was expected"),
    ("topk(up)", "1:1: wrong number of arguments for aggregate expression provided, "
                 "expected 2, got 1; write for example sum(x), topk(3, x)"),
    ("-up[5m]", "1:1: unary expression only allowed on expressions of type scalar or vector, "
                "got: matrix; put the sign before what a function makes of it"),
    ("1 + up[5m]", "1:7: binary expression must contain only scalar and instant vector types; "
                   "a range such as x[5m] goes into rate() or its like first"),
    ("up{a=\u201cb\u201d}", "1:6: unexpected character inside braces: '\u201c'; "
                          'write {job="api"}, with straight quotes'),
    ("{}", "1:1: vector selector must contain at least one non-empty matcher; "
           'name a metric or a label: `up` or {job="api"}'),
    ("first_over_time(up[5m])",
     "1:1: first_over_time() is experimental in Prometheus and not supported"),
    ("limitk(2, up)", "1:1: limitk() is experimental in Prometheus and not supported"),
    *((text, "1:1: '1_' is neither a number nor a duration; write 1.5, 5m or 1h30m "
             "(units ms s m h d w y, the largest first)") for text in ("1_", "1__0", "1_0s")),
    ("histogram_count(up)", "1:1: histogram_count() needs native histograms, "
                            "which are not stored; for classic buckets use x_count"),
    ("holt_winters(up[5m], 1, 1)",
     "1:1: holt_winters() was removed in Prometheus 3, and its successor is experimental; "
     "predict_linear() or avg_over_time() may serve"),
    ("up + fill(0) up", "`fill` is experimental in Prometheus and not supported; use `or`"),
    ('up{a="1" or b="2"}', 'up{a="1" or b="2"}: `or` between matchers is not PromQL; '
                           "use a regular expression, or two selectors joined by `or`"),
    ('label_join(up, "", "-", "a")', "1:1: label_join(): the name of the new label is empty"),
    ('count_values("", up)', "1:1: count_values(): the name of the new label is empty"),
    ("(" * 200 + "up" + ")" * 200,
     "the query is nested more than 150 levels deep; split it by recording rules"),
    ("-" * 3000 + "up", "the query has 3001 words; at most 2000 are accepted: "
                        "split it by recording rules"),
    ("x" * 200_000, "the query has 200000 characters; at most 131072 are accepted"),
]
# fmt: on


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_bad_query_says_where_and_what_would_be_right(text: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert str(caught.value) == message


WORDS = 'up sum by on ( ) [ ] { } 5m 1 "a" = =~ > and or offset @ bool , + - rate start'


@given(st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join))
def test_any_words_give_a_tree_or_a_query_error(text: str) -> None:
    with suppress(QueryError):
        parse(text)


@given(st.text(max_size=40))
def test_any_text_gives_a_tree_or_a_query_error(text: str) -> None:
    with suppress(QueryError):
        parse(text)


def test_a_place_counts_lines_and_columns_from_one() -> None:
    text = "up\n  == 0"
    assert [place(text, token.at) for token in tokens(text)] == ["1:1", "2:3", "2:6"]
