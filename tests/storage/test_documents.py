"""Documents: places, YAML 1.2, faults, and what is refused before it costs anything."""

import resource
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.documents import (
    MAX_BYTES,
    Faults,
    Mapping,
    Node,
    Scalar,
    Sequence,
    describe,
    parse_document,
    read_document,
    resolve,
)
from storage.errors import ConfigError

RULES = """\
# a comment
groups:
  - name: shop
    rules:
      - alert: Slow
        expr: |
          rate(x[5m])
            > 1
        for: 22:30
"""


def at(node: Node, *way: str | int) -> Node:
    """Walk down `way`."""
    for word in way:
        if isinstance(word, int):
            assert isinstance(node, Sequence)
            node = node.items[word]
        else:
            assert isinstance(node, Mapping)
            found = node.get(word)
            assert found is not None
            node = found
    return node


def test_every_value_knows_its_place_and_path() -> None:
    rule = at(parse_document(RULES, "rules.yaml"), "groups", 0, "rules", 0)
    assert (rule.where, rule.path) == ("rules.yaml:5:9", "groups[0].rules[0]")
    assert isinstance(rule, Mapping)
    key, value = rule.entries["expr"]
    assert (key.where, key.path) == ("rules.yaml:6:9", "groups[0].rules[0].expr")
    assert isinstance(value, Scalar)
    assert (value.where, value.text_line) == ("rules.yaml:6:15", 7)
    assert value.text == "rate(x[5m])\n  > 1\n"
    assert "for" in rule
    assert "labels" not in rule
    assert rule.get("labels") is None


@pytest.mark.parametrize(("written", "value"), [
    ("22:30", "22:30"), ("no", "no"), ("Yes", "Yes"), ("on", "on"), ("true", True),
    ("FALSE", False), ("null", None), ("~", None), ("", None), ("12", 12),
    ("+4930123456", 4930123456),
    ("0x1F", 31), ("0o17", 15), ("0123", 123), ("1_000", "1_000"), ("1.5", 1.5), ("1e3", 1000.0),
    (".inf", float("inf")), ("-.Inf", float("-inf")), ("2026-03-02", "2026-03-02"),
    ("9" * 5000, float("inf")), ("=", "="), ("<<", "<<"), ("1h30m", "1h30m"),
])  # fmt: skip
def test_plain_texts_mean_what_yaml_1_2_says(written: str, value: object) -> None:
    assert resolve(written) == value


def test_quoted_texts_stay_text_and_numbers_keep_what_was_written() -> None:
    document = parse_document("a: '12'\nb: +49\nc: \"true\"\n", "x.yaml")
    quoted, number, word = (at(document, name) for name in "abc")
    assert isinstance(quoted, Scalar)
    assert isinstance(number, Scalar)
    assert isinstance(word, Scalar)
    assert (quoted.value, number.value, number.text, word.value) == ("12", 49, "+49", "true")


def test_an_alias_is_the_value_it_names() -> None:
    document = parse_document("a: &x [1, 2]\nb: *x\n", "x.yaml")
    assert at(document, "a") is at(document, "b")


MERGES = """\
a: &a {x: 1, y: 1}
b: &b {y: 2, z: 2}
one: {<<: *a, y: 9}
late: {y: 9, <<: *a}
both: {<<: [*a, *b]}
quoted: {"<<": 1}
"""


def test_a_mapping_may_take_in_others() -> None:
    document = parse_document(MERGES, "x.yaml")
    assert isinstance(document, Mapping)
    found = {
        key.text: {name.text: value.text for name, value in node if isinstance(value, Scalar)}
        for key, node in document
        if isinstance(node, Mapping)
    }
    assert found["one"] == found["late"] == {"x": "1", "y": "9"}
    assert found["both"] == {"x": "1", "y": "1", "z": "2"}
    assert found["quoted"] == {"<<": "1"}


def test_an_empty_document_is_nothing() -> None:
    node = parse_document("# only a comment\n", "x.yaml")
    assert isinstance(node, Scalar)
    assert (node.value, node.where) == (None, "x.yaml:1:1")


@pytest.mark.parametrize(("text", "sentence"), [
    pytest.param("a: 1\nb: 2\na: 3\nb: 4\n",
        "x.yaml:3:1 a: the key stands twice; first in line 1\n"
        "x.yaml:4:1 b: the key stands twice; first in line 2", id="repeated-keys-all-told"),
    pytest.param("a:\n  - b: 1\n    b: 2\n",
        "x.yaml:3:5 a[0].b: the key stands twice; first in line 2", id="repeated-key-inside"),
    pytest.param("a: !!python/object/apply:os.system ['true']",
        "x.yaml:1:4: found the tag tag:yaml.org,2002:python/object/apply:os.system; "
        "tags are not used here", id="tag"),
    pytest.param("!!str a: 1",
        "x.yaml:1:1: found the tag tag:yaml.org,2002:str; tags are not used here", id="tag-of-key"),
    pytest.param("a: {<<: 7}",
        "x.yaml:1:9 a.<<: found 7; expected a mapping to merge", id="merge-of-a-number"),
    pytest.param("a: &a [*a]",
        "x.yaml:1:8: *a refers to nothing that stands before it", id="inside-itself"),
    pytest.param("a: 1\n---\nb: 2\n",
        "x.yaml:2:1: found a second document; expected one in a file", id="two-documents"),
    pytest.param("? [a]\n: 1\n",
        "x.yaml:1:3: found a key that is not a text; quote it if it begins so", id="list-as-key"),
    pytest.param("a: {{ $value }}\n",
        "x.yaml:1:5: found a key that is not a text; quote it if it begins so",
        id="unquoted-braces"),
    pytest.param("a: b: c",
        "x.yaml:1:5: not valid YAML: mapping values are not allowed here", id="syntax"),
    pytest.param("a: 'x",
        "x.yaml:1:6: not valid YAML: found unexpected end of stream "
        "(while scanning a quoted scalar)", id="open-quote"),
    pytest.param("a: 1\nb: \x07\n",
        "x.yaml:2: found the character 7, which YAML does not allow", id="control-character"),
])  # fmt: skip
def test_what_is_refused_and_how(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_document(text, "x.yaml")
    assert str(refused.value) == sentence


LAUGHS = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{after}: &{after} [{','.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
MANY = MAX_BYTES - 100


@pytest.mark.parametrize(("text", "reason"), [
    pytest.param(LAUGHS, "unfolds to more than", id="billion-laughs"),
    pytest.param("[" * MANY, "nested more than", id="brackets"),
    pytest.param("- " * (MANY // 2), "nested more than", id="dashes"),
    pytest.param("{a: " * (MANY // 4), "nested more than", id="braces"),
    pytest.param("- a\n" * (MANY // 4), "unfolds to more than", id="long-list"),
    pytest.param("".join(f"&a{i} k{i}: v\n" for i in range(60_000)), "unfolds to", id="anchors"),
])  # fmt: skip
def test_bombs_are_refused_before_they_cost(text: str, reason: str) -> None:
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(ConfigError, match=reason):
        parse_document(text, "x.yaml")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB
    assert time.process_time() - start < 1.0 * 3  # our own seconds; a busy machine is slower


@pytest.mark.parametrize(("content", "sentence"), [
    pytest.param(b"a: " + b"x" * MAX_BYTES, "{}: is larger than 1024 KiB, the limit", id="large"),
    pytest.param(b"a: 1\nb: \xff\n", "{}:2: is not UTF-8 text", id="latin-1"),
])  # fmt: skip
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        read_document(path)
    assert str(refused.value) == sentence.format(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read_document(tmp_path / "none.yaml")
    expected = f"{tmp_path}/none.yaml: cannot be read: No such file or directory"
    assert str(refused.value) == expected


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert isinstance(at(read_document(tmp_path / "x.yaml"), "a"), Scalar)


def test_faults_are_told_together_in_the_order_of_the_file() -> None:
    document = parse_document("groups: 1\nrules: {exprr: [1], b: ~}\n", "x.yaml")
    faults = Faults()
    rules = faults.mapping(at(document, "rules"))
    assert rules is not None
    faults.only(rules, ["expr", "for"])
    assert faults.text(at(document, "rules", "b")) is None
    assert faults.sequence(at(document, "groups"), "a list of groups") == ()
    assert faults.mapping(at(document, "rules", "exprr"), "x") is None
    faults.take(ConfigError("y.yaml:1:1: other"))
    faults.add("environment", "PORT: found 'x'; expected a number")
    with pytest.raises(ConfigError) as refused:
        faults.raise_all()
    assert str(refused.value).splitlines() == [
        "environment: PORT: found 'x'; expected a number",
        "x.yaml:1:9 groups: found 1; expected a list of groups",
        "x.yaml:2:9 rules.exprr: no such key; did you mean 'expr'? known: expr, for",
        "x.yaml:2:16 rules.exprr: found a list of 1; expected x",
        "x.yaml:2:21 rules.b: no such key; known: expr, for",
        "x.yaml:2:24 rules.b: found nothing; expected a text",
        "y.yaml:1:1: other",
    ]


def test_no_faults_raise_nothing_and_very_many_are_counted() -> None:
    faults = Faults()
    faults.raise_all()
    assert not faults
    for number in range(1_000):
        faults.add(f"{number:04}", "wrong")
    assert faults.lines()[199:] == ["0199: wrong", "and 800 more"]


@pytest.mark.parametrize(("text", "words"), [
    ("abc", "'abc'"), ("12", "12"), ("~", "nothing"), ("[1, 2]", "a list of 2"),
    ("{}", "an empty mapping"), ("{a: 1, b: 2}", "a mapping (a, b)"),
    ("x" * 90, repr("x" * 79 + "…")),
])  # fmt: skip
def test_describe(text: str, words: str) -> None:
    assert describe(parse_document(text, "x.yaml")) == words


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        told = parse_document(text, "x.yaml").where
    except ConfigError as refused:
        told = str(refused)
    assert told.startswith("x.yaml")


def test_an_empty_list_is_a_list() -> None:
    found = parse_document("[]\n", "empty.yaml")
    assert (type(found).__name__, describe(found)) == ("Sequence", "a list of 0")
