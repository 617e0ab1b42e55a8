"""Templates write what Go writes; data is never a template."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.rules.template import Row, TemplateError, Wanted, expand, parse_template

LABELS = {"instance": "web-1:9100", "job": "web"}
ANSWERS = {
    "metric": [Row({"instance": "b"}, 21.0), Row({"instance": "a"}, 11.0)],
    "none": [],
    "metric{instance='a'}": [Row({"__name__": "metric", "instance": "a"}, 11.0)],
}


def write(text: str, value: float = 0.5, labels: dict[str, str] | None = None) -> str:
    return expand(
        parse_template(text),
        labels=LABELS if labels is None else labels,
        value=value,
        answers=ANSWERS,
    )


# fmt: off
@pytest.mark.parametrize(("text", "written"), [
    ("plain text", "plain text"),
    ("{{ 1 }} {{ 1.5 }} {{ 0x10 }} {{ true }} {{ `raw` }} {{ 'a' }}", "1 1.5 16 true raw 97"),
    ("{{ $labels.instance }} {{ .Labels.job }} {{ $value }} {{ .Value }} {{ $.Value }}",
     "web-1:9100 web 0.5 0.5 0.5"),
    ("a {{- 1 -}} b", "a1b"),
    ("a {{- /* why */ -}} b{{/* and */}} c", "ab c"),
    ("{{ $labels.absent }}|", "|"),
    ("{{ $externalURL }}{{ externalURL }}{{ .ExternalLabels.region }}|", "|"),
    ("{{ if gt $value 0.4 }}high{{ else if gt $value 0.1 }}mid{{ else }}low{{ end }}", "high"),
    ("{{ if gt $value 1 }}high{{ else if gt $value 0.1 }}mid{{ else }}low{{ end }}", "mid"),
    ("{{ if and $labels.job (not $labels.absent) }}yes{{ end }}", "yes"),
    ("{{ or $labels.absent \"unknown\" }} {{ and 1 0 }}", "unknown 0"),
    ("{{ with $labels.job }}<{{ . }}>{{ else }}none{{ end }}", "<web>"),
    ("{{ with $labels.nope }}<{{ . }}>{{ else with $labels.job }}[{{ . }}]{{ end }}", "[web]"),
    ("{{ range $k, $v := .Labels }}{{ $k }}={{ $v }};{{ end }}", "instance=web-1:9100;job=web;"),
    ("{{ range query \"none\" }}x{{ else }}empty{{ end }}", "empty"),
    ("{{ range query \"metric\" }}{{ if eq .Value 11.0 }}{{ break }}{{ end }}{{ .Value }}{{ end }}",
     "21"),
    ("{{ $n := 1 }}{{ if true }}{{ $n = 2 }}{{ end }}{{ $n }}", "2"),
    ("{{ $n := 1 }}{{ if true }}{{ $n := 2 }}{{ end }}{{ $n }}", "1"),
    ("{{ query \"metric{instance='a'}\" | first | value }}", "11"),
    ("{{ query \"metric{instance='a'}\" | first }}", "{map[__name__:metric instance:a] 11}"),
    ("{{ query \"metric{instance='a'}\" | first | label \"instance\" }}", "a"),
    ("{{ $x := query \"metric\" | first }}{{ $x.Labels.foo }}|{{ ($x).Value }}", "|21"),
    ("{{ range query \"metric\" | sortByLabel \"instance\" }}{{.Labels.instance}}:{{end}}",
     "a:b:"),
    ("{{ (args 1 \"2\").arg1 }}", "2"),
    ("{{ len \"abc\" }} {{ len (query \"metric\") }} {{ index .Labels \"job\" }}", "3 2 web"),
    ("{{ slice \"abcdef\" 1 3 }}", "bc"),
    ("{{ eq \"a\" \"b\" \"a\" }} {{ ne 1 2 }} {{ lt 1 2.5 }} {{ le 2 2 }} {{ ge 1 2 }}",
     "true true true true false"),
    ("{{ \"foo.example.com:12345\" | stripPort }} {{ \"[2001:0DB8::1]:12345\" | stripPort }}",
     "foo.example.com 2001:0DB8::1"),
    ("{{ \"2001:0DB8::1\" | stripPort }} {{ \"[2001:0DB8::1]::12345\" | stripPort }}",
     "2001:0DB8::1 [2001:0DB8::1]::12345"),
    ("{{ \"foo.example.com\" | stripDomain }} {{ \"foo.example.com:12345\" | stripDomain }}",
     "foo foo:12345"),
    ("{{ \"192.0.2.1:12345\" | stripDomain }}", "192.0.2.1:12345"),
    ("{{ reReplaceAll \"(a)b\" \"x$1\" \"ab\" }}", "xa"),
    ("{{ reReplaceAll \"(.*):.*\" \"${1}\" $labels.instance }}", "web-1"),
    ("{{ \"aa bb CC\" | title }} {{ \"aB\" | toUpper }} {{ \"aB\" | toLower }}", "Aa Bb CC AB ab"),
    ("{{ match \"a+\" \"xaa\" }} {{ match \"a+\" \"b\" }}", "true false"),
    ("{{ graphLink \"up == 0\" }} {{ tableLink \"up\" }}",
     "/graph?g0.expr=up+%3D%3D+0&g0.tab=0 /graph?g0.expr=up&g0.tab=1"),
    ("{{ \"<b>\" | safeHtml }} {{ \"<b>\" }} {{ html \"<b>\" }}", "<b> <b> &lt;b&gt;"),
    ("{{ printf \"%0.2f\" (parseDuration \"1h2m10ms\") }}", "3720.01"),
    ("{{ 1435065584.128 | humanizeTimestamp }} {{ -1 | humanizeTimestamp }}",
     "2015-06-23 13:19:44.128 +0000 UTC 1969-12-31 23:59:59 +0000 UTC"),
    ("{{ humanizePercentage \"0.1234567\" }} {{ humanizePercentage 1234567 }}",
     "12.35% 1.235e+08%"),
    ("{{ print 1 2 \"a\" \"b\" 3 }} {{ println 1 }}", "1 2a b3 1\n".replace("a b", "ab")),
    ("{{ (toTime 1435065584.128).Format \"2006-01-02 15:04:05.000 Monday, Jan _2 3PM\" }}",
     "2015-06-23 13:19:44.128 Tuesday, Jun 23 1PM"),
    ("{{ toTime 1435065584 }} {{ (toTime \"0\").Year }} {{ (1435065584 | toTime).Weekday }}",
     "2015-06-23 13:19:44 +0000 UTC 1970 Tuesday"),
    ("{{ $t := toTime 60 }}{{ $t.Unix }} {{ $t.UTC.Format \"Z07:00\" }} {{ \"04\" | $t.Format }}",
     "60 Z 01"),
    ("{{ toDuration 3605 }} {{ toDuration 0.0015 }} {{ toDuration 0 }} {{ toDuration -61.5 }} "
     "{{ (toDuration 90).Minutes }}", "1h0m5s 1.5ms 0s -1m1.5s 1.5"),
    ("{{ define \"who\" }}<{{ . }}|{{ $ }}>{{ end }}{{ template \"who\" $labels.job }}"
     "{{ template \"who\" }}", "<web|web><<nil>|<nil>>"),
    ("{{ define \"a\" }}{{ .Labels.job }} {{ template \"b\" .Value }}{{ end }}"
     "{{ define \"b\" }}{{ . | humanizePercentage }}{{ end }}{{ template \"a\" . }}", "web 50%"),
    ("{{ block \"b\" .Value }}[{{ . }}]{{ end }}{{ template \"b\" 7 }}", "[0.5][7]"),
    ("{{ define \"x\" }}<{{ . }}>{{ end }}{{ tmpl \"x\" 1 | toUpper }}{{ len (tmpl \"x\" 10) }}",
     "<1>4"),
    ("{{ .Labels }}", "map[instance:web-1:9100 job:web]"),
])
def test_writes_as_prometheus_does(text: str, written: str) -> None:
    assert write(text) == written


@pytest.mark.parametrize(("values", "function", "written"), [
    ([0.0, 1.0, 1234567.0, .12, -1, 2**63 - 1], "humanize", "0:1:1.235M:120m:-1:9.223E"),
    ([0.0, 1.0, 1048576.0, .12, 1234567, -1], "humanize1024", "0:1:1Mi:0.12:1.177Mi:-1"),
    ([0, 1, 60, 3600, 86400, 90000, -183845, 899.99], "humanizeDuration",
     "0s:1s:1m 0s:1h 0m 0s:1d 0h 0m 0s:1d 1h 0m 0s:-2d 3h 4m 5s:14m 59s"),
    ([.1, .0001, .12345, 60.1, 1.2345, 12.345], "humanizeDuration",
     "100ms:100us:123.5ms:1m 0s:1.234s:12.35s"),
    ([math.inf, -math.inf, math.nan], "humanize", "+Inf:-Inf:NaN"),
    ([math.inf, -math.inf, math.nan], "humanizeTimestamp", "+Inf:-Inf:NaN"),
])
def test_humanizes_as_prometheus_does(values: list[float], function: str, written: str) -> None:
    template = parse_template(f"{{{{ $value | {function} }}}}")
    assert ":".join(expand(template, labels={}, value=v) for v in values) == written
# fmt: on


# fmt: off
@pytest.mark.parametrize(("layout", "args", "written"), [
    ("%s %d%%", "\"disk\" 5", "disk 5%"),
    ("%.2f %f %e", "1.0 2.5 1234.5", "1.00 2.500000 1.234500e+03"),
    ("%v %v %v", "1234567.0 1e21 \"x\"", "1.234567e+06 1e+21 x"),
    ("%g %.3g %G", "1e-7 1234.5 1e-7", "1e-07 1.23e+03 1E-07"),
    ("%q %q", "\"a\\\"b\" \"t\\tb\"", '"a\\"b" "t\\tb"'),
    ("%x %X %x", "255 255 \"hi\"", "ff FF 6869"),
    ("%x", "1.5", "0x1.8p+00"),
    ("[%5d] [%-5d] [%05d] [%+d]", "42 42 -42 42", "[   42] [42   ] [-0042] [+42]"),
    ("[%8.2f] [%08.2f] [%5s] [%-5s] [%.2s]", "3.14159 -3.14159 \"ab\" \"ab\" \"abc\"",
     "[    3.14] [-0003.14] [   ab] [ab   ] [ab]"),
    ("%d", "1.5", "%!d(float64=1.5)"),
    ("%s", "1.5", "%!s(float64=1.5)"),
    ("%d %d", "1", "1 %!d(MISSING)"),
    ("%d", "1 2", "1%!(EXTRA int=2)"),
    ("100%", "", "100%!(NOVERB)"),
    ("%t %T", "true 1.5", "true float64"),
])
def test_printf_writes_as_go_does(layout: str, args: str, written: str) -> None:
    assert write(f"{{{{ printf `{layout}` {args} }}}}") == written
# fmt: on


# fmt: off
@pytest.mark.parametrize(("text", "at", "reason"), [
    ("{{", 0, "never closed"),
    ("a {{ $lables.x }}", 5, "did you mean '$labels'"),
    ("{{ $value | humanise }}", 12, "did you mean 'humanize'"),
    ("{{ humanize }}", 3, "takes 1 arguments, got 0"),
    ("{{ if $value }}x", 3, "never closed by {{ end }}"),
    ("{{ end }}", 3, "closes nothing"),
    ("{{ }}", 0, "says nothing"),
    ("{{ define \"x\" }}", 3, "never closed"),
    ("{{ define x }}{{ end }}", 10, 'write {{ define "name" }}'),
    ("{{ if true }}{{ define \"x\" }}{{ end }}{{ end }}", 16, "inside of another block"),
    ("{{ define \"x\" }}{{ $value }}{{ end }}", 19, "not declared; known: $"),
    ("{{ define \"host\" }}{{ end }}{{ template \"hots\" . }}", 31, "did you mean 'host'"),
    ("{{ template \"x\" . }}", 3, "none is defined"),
    ("{{ block \"x\" }}{{ end }}", 3, 'write {{ block "name" . }}'),
    ("{{ break }}", 3, "outside of range"),
    ("{{ (1 }}", 3, "never closed by )"),
    ("{{ 1 | 2 }}", 7, "only a function"),
    ("{{ $x = 1 }}", 3, "not declared"),
    ("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", 38, "not declared"),
    ("{{ ; }}", 3, "cannot stand"),
    ("{{ \"\\z\" }}", 3, "cannot be read"),
])
def test_what_does_not_parse_is_refused_with_its_place(text: str, at: int, reason: str) -> None:
    with pytest.raises(TemplateError) as refused:
        parse_template(text)
    assert reason in str(refused.value)
    assert refused.value.at == at
# fmt: on


@pytest.mark.parametrize(
    "text",
    [
        '{{ query "none" | first }}',
        '{{ humanize "one" }}',
        "{{ $value.x }}",
        "{{ range $value }}{{ end }}",
        '{{ reReplaceAll "(" "" "a" }}',
        "{{ index .Labels 1 }}",
        '{{ gt "a" 1 }}',
        '{{ slice "abc" 2 9 }}',
        "{{ $value | toUpper }}",
        "{{ 1e300 | humanizeTimestamp }}",
        "{{ toTime 1e300 }}",
        "{{ (toTime 1).Fromat }}",
        "{{ (toTime 1).Format }}",
        "{{ (toTime 1).Format 2 }}",
        '{{ (toDuration 1).Hours "x" }}',
        '{{ $labels.job "x" }}',
        '{{ tmpl "x" 1 }}',
        '{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}',
    ],
)
def test_what_cannot_be_expanded_says_so(text: str) -> None:
    with pytest.raises(TemplateError):
        write(text)


def test_a_query_that_is_not_loaded_is_asked_for() -> None:
    template = parse_template('{{ query (printf "up{job=%q}" $labels.job) | first | value }}')
    with pytest.raises(Wanted) as wanted:
        expand(template, labels=LABELS, value=1.0)
    assert wanted.value.query == 'up{job="web"}'
    answers = {wanted.value.query: [Row({}, 3.0)]}
    assert expand(template, labels=LABELS, value=1.0, answers=answers) == "3"


def test_the_work_of_a_template_is_limited() -> None:
    doubling = '{{ $x := "xxxxxxxxxxxxxxxx" }}' + "{{ $x = print $x $x }}" * 40
    with pytest.raises(TemplateError, match="grew beyond"):
        write(doubling)
    nested = '{{ range query "metric" }}' * 14 + "x" + "{{ end }}" * 14
    with pytest.raises(TemplateError, match="steps"):
        write(nested)
    with pytest.raises(TemplateError, match="beyond"):
        write("y" * 65_537)
    assert len(write('{{ printf "%999999999d" 1 }}')) == 1_000


@given(st.text())
def test_data_is_never_a_template(data: str) -> None:
    assert write("<{{ $labels.x }}>", labels={"x": data}) == f"<{data}>"
    assert write("{{ $labels.x }}", labels={"x": "{{ 7 }}" + data}) == "{{ 7 }}" + data


@given(st.text(alphabet="{}-.$ |()\"`'=:,abx1 \n", max_size=40))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    try:
        template = parse_template(text)
        expand(template, labels=LABELS, value=1.0, answers=ANSWERS)
    except (TemplateError, Wanted):
        pass
