"""Reading: defaults, the environment, secrets from files, and what is never shown."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.config.config import Config
from bot.config.fields import Listen, parse_matcher
from bot.config.read import rule_files_of
from bot.config.secret import Secret, basic
from storage.documents import read_document
from storage.model.alert import Severity
from tests.bot.config.town import ENVIRON, SOUND, faults, read

TOKENS = "server: {tokens: [{person: ada, token: %s}]}\n"


def test_defaults_stand_where_nothing_is_written(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert config.server.listen == Listen("127.0.0.1", 9099)
    assert config.storage.directory == tmp_path / "data"
    assert config.storage.samples.retention == timedelta(days=15)
    assert config.policies["shop"].ack_timeout == timedelta(hours=4)
    assert config.routes == ()
    assert config.heartbeat is None
    assert config.commands.short_forms is False
    assert config.log.format == "text"
    assert config.rule_files == ()


def test_values_are_read_as_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    for name in ("b.yaml", "a.yaml", "c.txt"):
        (tmp_path / "rules" / name).write_text("groups: []\n")
    config = read(
        tmp_path,
        SOUND
        + """\
server: {listen: "[::1]:8080", public_url: https://tocsin.example.com/, max_body: 1MiB}
rules: [rules/*.yaml, rules/a.yaml]
sources: {prom: {expect: 1m, severity: critical}}
routes: [{match: [severity="critical", team!=shop], policy: shop, group_by: [team]}]
severities: {warning: [chat, sms]}
own_host:
console:
""",
    )
    assert str(config.server.listen) == "[::1]:8080"
    assert config.server.public_url == "https://tocsin.example.com"
    assert config.server.max_body == 1024**2
    assert [path.name for path in config.rule_files] == ["a.yaml", "b.yaml"]
    assert config.sources["prom"].expect == timedelta(minutes=1)
    assert list(map(str, config.routes[0].match)) == ['severity="critical"', 'team!="shop"']
    assert config.severities == {Severity.WARNING: ("chat", "sms")}
    assert config.people["ada"].phone == "+4930901820"
    assert rule_files_of(read_document(tmp_path / "config.yaml"), tmp_path) == config.rule_files


def test_names_and_numbers_that_yaml_would_mistake_stay_text(tmp_path: Path) -> None:
    text = SOUND.replace("bob: {", "'12': {name: 0123, ").replace("bob", '"12"')
    assert read(tmp_path, text).people["12"].name == "0123"


@pytest.mark.parametrize(("listen", "port", "expected"), [
    ("", "8080", "0.0.0.0:8080"),
    ("server: {listen: '127.0.0.1:9'}\n", "8080", "127.0.0.1:8080"),
    ("server: {listen: '[::1]:9'}\n", "0", "[::1]:0"),
    ("server: {listen: '127.0.0.1:9'}\n", "", "127.0.0.1:9"),
])  # fmt: skip
def test_the_environments_port_counts(
    tmp_path: Path, listen: str, port: str, expected: str
) -> None:
    token = "sources: {prom: {token: very-secret-token}}\n"
    config = read(tmp_path, SOUND + listen + token, {**ENVIRON, "PORT": port})
    assert str(config.server.listen) == expected


def test_a_port_that_is_none_is_told_beside_the_rest(tmp_path: Path) -> None:
    assert faults(tmp_path, SOUND + "log: {level: loud}\n", {**ENVIRON, "PORT": "http"}) == [
        "config.yaml:15:14 log.level: found 'loud'; expected debug or info or warning or error",
        "environment PORT: found 'http'; expected a port number from 0 to 65535",
    ]


def test_the_environments_database_wins(tmp_path: Path) -> None:
    address = "postgresql://ada:very-secret@db/tocsin"
    text = SOUND + "storage: {database: other.db}\n"
    config = read(tmp_path, text, {**ENVIRON, "DATABASE_URL": address})
    assert config.storage.database == Secret(address)
    assert "very-secret" not in repr(config)
    assert address in config.secrets()


def test_secrets_come_from_the_environment_from_files_and_from_named_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-very-secret-file\n")
    for written, environ in (
        ("from-a-very-secret-file", {}),
        ("'${T}'", {"T": "from-a-very-secret-file"}),
        ("'${T}'", {"T_FILE": "token"}),
        ("'from-a-${V}-file'", {"V": "very-secret"}),
    ):
        config = read(tmp_path, SOUND + TOKENS % written, {**ENVIRON, **environ})
        assert config.server.tokens[0].token.reveal() == "from-a-very-secret-file"
    by_key = TOKENS.replace("token: %s", "token_file: token")
    config = read(tmp_path, SOUND + by_key)
    assert config.server.tokens[0].token.reveal() == "from-a-very-secret-file"


def test_a_doubled_dollar_is_plain_text(tmp_path: Path) -> None:
    config = read(tmp_path, SOUND + TOKENS % "'$${NOT_A_VARIABLE}'")
    assert config.server.tokens[0].token.reveal() == "${NOT_A_VARIABLE}"


@pytest.mark.parametrize(("written", "sentence"), [
    ("token: '${TOKN}'", "config.yaml:15:40 server.tokens[0].token: the environment has no TOKN; "
        "did you mean 'TOKEN'? expected it, or TOKN_FILE, to be set"),
    ("token: '${GONE}'", "config.yaml:15:40 server.tokens[0].token: GONE_FILE: gone cannot be "
        "read: No such file or directory"),
    ("token_file: gone", "config.yaml:15:45 server.tokens[0].token_file: token_file: gone cannot "
        "be read: No such file or directory"),
    ("token_file: empty", "config.yaml:15:45 server.tokens[0].token_file: empty is empty; "
        "expected a secret text in it"),
    ("token_file: binary", "config.yaml:15:45 server.tokens[0].token_file: token_file: binary is "
        "not UTF-8 text"),
    ("token_file: large", "config.yaml:15:45 server.tokens[0].token_file: token_file: large is "
        "too large for a secret"),
    ("token: very-secret-token, token_file: x", "config.yaml:15:59 server.tokens[0].token_file: "
        "found both token and token_file; expected one of them"),
    ("token_file: [x]", "config.yaml:15:45 server.tokens[0].token_file: found a list of 1; "
        "expected the path of a file"),
    ("token: [very-secret]", "config.yaml:15:40 server.tokens[0].token: found a list of 1; "
        "expected a secret text that is not empty"),
    ("token: ~", "config.yaml:15:40 server.tokens[0].token: found nothing; "
        "expected a secret text that is not empty"),
])  # fmt: skip
def test_a_secret_that_cannot_be_had_is_told_once(
    tmp_path: Path, written: str, sentence: str
) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    (tmp_path / "large").write_text("x" * 70_000)
    environ = {**ENVIRON, "TOKEN": "very-secret-token", "GONE_FILE": "gone"}
    text = SOUND + TOKENS.replace("token: %s", written)
    assert faults(tmp_path, text, environ) == [sentence]


def test_what_the_environment_put_in_is_not_shown(tmp_path: Path) -> None:
    text = SOUND + "log: {level: '${LEVEL}'}\nserver: {public_url: 'x ${LEVEL}'}\n"
    assert faults(tmp_path, text, {**ENVIRON, "LEVEL": "very-secret"}) == [
        "config.yaml:15:14 log.level: found '${LEVEL}'; expected debug or info or warning or error",
        "config.yaml:16:22 server.public_url: found 'x ${LEVEL}'; expected an http or https "
        "address such as https://tocsin.example.com",
    ]


@pytest.mark.parametrize(("written", "what"), [
    ("delivery: {failover_after: '${V}'}\n", "delivery.failover_after"),
    ("server: {max_body: '${V}'}\n", "server.max_body"),
    ("rules: ['${V}']\n", "rules[0]"),
    ("routes: [{match: ['${V}'], policy: shop}]\n", "routes[0].match[0]"),
])  # fmt: skip
def test_nor_by_a_sentence_that_quotes(tmp_path: Path, written: str, what: str) -> None:
    (fault,) = faults(tmp_path, SOUND + written, {**ENVIRON, "V": "very-secret"})
    assert f" {what}: found '${{V}}'; expected " in fault


def test_nor_by_a_name_that_refers_to_nothing(tmp_path: Path) -> None:
    text = SOUND.replace("slack: U023ABCDEF", "slack: '${BOT}'")
    text = text.replace("default_policy: shop", "default_policy: '${TWILIO}'")
    assert faults(tmp_path, text) == [
        "config.yaml:3:16 people.bob.slack: found '${BOT}'; expected a member id such as "
        "U012ABCDEF (profile > Copy member ID)",
        "config.yaml:11:17 default_policy: no policy is called '${TWILIO}'; known: shop",
    ]


def test_a_configuration_that_is_no_mapping(tmp_path: Path) -> None:
    assert faults(tmp_path, "- a\n") == [
        "config.yaml:1:1: found a list of 1; expected a mapping of sections such as people and "
        "policies"
    ]
    assert faults(tmp_path, "") == [
        "config.yaml:1:1: found nothing; expected a mapping of sections such as people and policies"
    ]


def test_it_is_frozen_and_shows_no_secret(tmp_path: Path) -> None:
    config = read(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        config.default_policy = "other"  # type: ignore[misc]
    assert set(config.secrets()) == {*ENVIRON.values(), basic("AC1", ENVIRON["TWILIO"])}
    assert "very-secret" not in f"{config!r} {config} {config.model_dump()}"


def test_the_plain_model_needs_no_file() -> None:
    assert Config().server.listen.is_loopback


@pytest.mark.parametrize(("host", "loopback"), [
    ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
    ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("tocsin.example.com", False),
])  # fmt: skip
def test_loopback_is_this_machine(host: str, loopback: bool) -> None:
    assert Listen(host, 1).is_loopback is loopback


@pytest.mark.parametrize(("text", "value"), [
    ('a="b"', "b"), ("a=b", "b"), ('a = "b c"', "b c"), ('a=""', ""),
    (r'a="b\"c\\d\n"', 'b"c\\d\n'), (r'a=~"web\d+\.prod"', r"web\d+\.prod"),
    (r"a=~web\d+", r"web\d+"), ('a="b\nc"', "b\nc"),
])  # fmt: skip
def test_matchers_are_written_as_in_alertmanager(text: str, value: str) -> None:
    assert parse_matcher(text).value == value


@pytest.mark.parametrize(("text", "name"), [
    ('"service.name"="x"', "service.name"), ("service.name=x", "service.name"),
    ('"a \\"b\\" ="="x"', 'a "b" ='), ("ключ!=x", "ключ"),
])  # fmt: skip
def test_any_name_of_a_label_can_be_written(text: str, name: str) -> None:
    found = parse_matcher(text)
    assert found.name == name
    assert parse_matcher(str(found)) == found


@pytest.mark.parametrize("text", ['""="x"', "a b=x", "{a=x", "a,b=x", "=x"])
def test_what_names_no_label_is_no_matcher(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_matcher(text)
