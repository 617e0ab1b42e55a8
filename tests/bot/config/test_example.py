"""The example: it loads, it names every key there is, and its defaults are the real ones."""

import re
from pathlib import Path
from typing import Any

import pytest

from bot.config import channels
from bot.config.build import playbook
from bot.config.config import Config
from bot.config.read import read_config
from bot.config.routes import RouteSection
from bot.config.values import core, is_section
from storage.documents import Mapping, Node, Sequence, read_document

ROOT = Path(__file__).parent.parent.parent.parent
EXAMPLE = ROOT / "config.example.yaml"
PREFIXES = {
    "SLACK_BOT_TOKEN": "xoxb-",
    "SLACK_APP_TOKEN": "xapp-",
    "TEAMS_OPS_URL": "https://prod-1.westeurope.logic.azure.com/workflows/",
    "TICKETING_URL": "https://93.184.216.34/",
    "PUSH_PHONE_URL": "ntfys://ntfy.sh/",
}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The example, in a folder with one rule file, with made-up secrets."""
    text = EXAMPLE.read_text()
    (tmp_path / "config.yaml").write_text(text)
    (tmp_path / "ca.pem").touch()
    (tmp_path / "hosts.csv").write_text("host,team,place\n")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shop.yaml").write_text("groups: []\n")
    names = re.findall(r'"\$\{(\w+)\}"', text)
    environ = {name: f"{PREFIXES.get(name, '')}{name}-0123456789abcdef" for name in names}
    return read_config(tmp_path / "config.yaml", environ)


def test_it_loads(config: Config) -> None:
    built = playbook(config)
    assert (built.default, len(built.policies["shop"].steps)) == ("shop", 5)
    assert {"console", "email", "push", "slack", "sms", "teams", "webhook"} <= set(config.opened)
    assert built.wants_alerts == {"webhook"}


def keys(node: Node, path: str = "") -> set[str]:
    """Return every way through the document; list items and free names count as `*`."""
    found = {path}
    if isinstance(node, Mapping):
        for key, value in node:
            free = path in FREE
            found |= keys(value, f"{path}.*" if free else f"{path}.{key.text}")
    elif isinstance(node, Sequence):
        for item in node:
            found |= keys(item, f"{path}.*")
    return found


def wanted(annotation: Any, path: str = "") -> set[str]:
    """Return every way that the models have."""
    kind, found = core(annotation), {path}
    if kind is RouteSection and ".routes.*.routes" in path:
        return found  # the same keys again, as deep as one likes
    if is_section(kind):
        for name, field in kind.model_fields.items():
            found |= wanted(field.annotation, f"{path}.{field.alias or name}")
    elif getattr(kind, "__origin__", None) in (dict, tuple):
        inner = kind.__args__[1 if kind.__origin__ is dict else 0]
        found |= wanted(inner, f"{path}.*")
    return found


FREE = {
    ".people", ".oncall", ".policies", ".sources", ".severities",
    ".alerts.time_intervals", ".alerts.maintenance", ".alerts.flapping_of", ".alerts.silences.to.*",
    ".people.*.addresses", ".policies.*.rooms.*",
    ".storage.metrics.prometheus.headers", ".storage.forward.headers",
    ".scrape.*.params", ".scrape.*.labels", ".heartbeats", ".heartbeats.*.labels",
    ".services", ".services.*.dashboards", ".delivery.daily_cap",
    ".lookups", *(f".lookups.*.{key}" for key in ("labels", "annotations", "headers")),
    *(f".sources.*.mapping.{key}" for key in ("labels", "annotations", "severities")),
    ".reports.schedules.*.to.*", ".reports.performance.figures", ".reports.performance.services",
    ".reports.performance.services.*.figures",
}  # fmt: skip
INSTEAD = {
    ".storage.metrics.prometheus.bearer",
    ".scrape.*.bearer",
    ".lookups.*.bearer",
    *(f".storage.forward.basic{key}" for key in ("", ".user", ".password")),
}
"""Keys that exclude others which stand there."""


def test_every_key_stands_in_it() -> None:
    have = keys(read_document(EXAMPLE))
    need = {path for path in wanted(Config) if not path.startswith(".channels.")}
    assert need - have - INSTEAD - {".channels.*", ".rules.*.*"} == set()


@pytest.mark.parametrize("name", [name for name in channels.names() if name != "phone"])
def test_every_option_of_every_channel_stands_in_it(name: str) -> None:
    options = channels.section(channels.kind(name).options).model_fields
    assert {f".channels.{name}.{key}" for key in options} <= keys(read_document(EXAMPLE))


def test_the_defaults_it_shows_are_the_real_ones(config: Config) -> None:
    plain = Config()
    assert config.server.listen == plain.server.listen
    assert config.server.max_body == plain.server.max_body
    assert config.server.max_unpacked == plain.server.max_unpacked
    assert config.storage.history == plain.storage.history
    shown, real = config.storage.samples, plain.storage.samples
    assert shown.max_series_per_source == real.max_series // 2  # what it is unless set
    assert shown.model_copy(update={"max_size": None, "max_series_per_source": None}) == real
    assert config.own_host == plain.own_host
    assert config.delivery.model_copy(update={"daily_cap": {}}) == plain.delivery
    assert config.commands == plain.commands
    assert config.alerts.flapping == plain.alerts.flapping
    assert config.log == plain.log
    shop = config.policies["shop"]
    waits = ("group_wait", "group_interval", "repeat_interval")
    for key in (*waits, "ack_timeout", "repeat_after", "reopen_within"):
        assert getattr(shop, key) == type(shop).model_fields[key].default
