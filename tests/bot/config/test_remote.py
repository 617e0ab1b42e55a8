"""Another system that answers, or gets our samples: what is read, and what cannot go together."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.config.build import playbook
from storage.model.alert import Severity
from tests.bot.config.town import ENVIRON, SOUND, faults, read

MIMIR = {**ENVIRON, "MIMIR": "very-secret-password"}
FULL = """\
storage:
  metrics:
    prometheus:
      url: https://mimir:8080/prometheus/
      headers: {X-Scope-OrgID: shop}
      basic: {user: tocsin, password: "${MIMIR}"}
      ca_file: ca.pem
      timeout: 5s
  forward: {url: "https://mimir:8080/push", bearer: "${MIMIR}"}
"""


def test_what_is_read(tmp_path: Path) -> None:
    config = read(tmp_path, SOUND + FULL, MIMIR)
    section = config.storage.metrics.prometheus
    assert section is not None
    options = section.options()
    assert (options.url, options.timeout) == ("https://mimir:8080/prometheus", 5.0)
    assert options.ca_file == tmp_path / "ca.pem"
    assert options.headers == {
        "X-Scope-OrgID": "shop",
        "Authorization": "Basic dG9jc2luOnZlcnktc2VjcmV0LXBhc3N3b3Jk",
    }
    assert config.storage.forward is not None
    headers = config.storage.forward.options().headers
    assert headers == {"Authorization": "Bearer very-secret-password"}
    assert "very-secret-password" in config.secrets()
    assert "very-secret" not in f"{options!r} {config!r}"


def test_its_silence_is_an_alert(tmp_path: Path) -> None:
    source = playbook(read(tmp_path, SOUND + FULL, MIMIR)).sources["mimir:8080"]
    assert (source.expect, source.severity) == (timedelta(minutes=2), Severity.CRITICAL)


REMOTE = "storage:\n  metrics: {prometheus: {url: http://p:9090}}\n"


def test_this_machine_is_only_watched_where_it_is_seen(tmp_path: Path) -> None:
    assert read(tmp_path).watches_host
    assert not read(tmp_path, SOUND + REMOTE).watches_host
    assert not read(tmp_path, SOUND + REMOTE).takes_samples
    assert read(tmp_path, SOUND + FULL, MIMIR).watches_host
    off = "own_host: {enabled: false}\n"
    assert not read(tmp_path, SOUND + REMOTE + off).watches_host


UNSEEN = (
    "storage.metrics.prometheus answers the rules, which never see what comes in here; "
    "expected storage.forward to send it there"
)


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        pytest.param(
            REMOTE + "sources: {shop: {}}\n",
            f"config.yaml:17:10 sources: {UNSEEN}, or no sources",
            id="unseen-sources",
        ),
        pytest.param(
            REMOTE + "scrape: [{job: shop, targets: ['shop:9100']}]\n",
            f"config.yaml:17:9 scrape: {UNSEEN}, or nothing to scrape",
            id="unseen-targets",
        ),
        pytest.param(
            REMOTE + "own_host: {enabled: true}\n",
            f"config.yaml:17:21 own_host.enabled: {UNSEEN}, or false",
            id="unseen-host",
        ),
        pytest.param(
            "storage: {forward: {url: 'http://ada:very-secret@p/write'}}\n",
            "config.yaml:15:20 storage.forward: found a mapping (url); expected user and "
            "password in `basic`, not in the address",
            id="password-in-the-address",
        ),
        pytest.param(
            "storage: {forward: {url: 'http://p/write', bearer: abcdef, "
            "headers: {authorization: abcdef}}}\n",
            "config.yaml:15:20 storage.forward: found a mapping (url, bearer, headers); expected "
            "one of basic, bearer and the header Authorization",
            id="two-authorizations",
        ),
        pytest.param(
            "storage: {metrics: {prometheus: {}}}\n",
            "config.yaml:15:33 storage.metrics.prometheus: url is missing; expected it among "
            "basic, bearer, ca_file, expect, headers, severity, timeout, url",
            id="no-address",
        ),
        pytest.param(
            "storage: {forward: {url: 'p:9090'}}\n",
            "config.yaml:15:26 storage.forward.url: found 'p:9090'; expected an http or https "
            "address such as https://tocsin.example.com",
            id="no-scheme",
        ),
    ],
)
def test_faults(tmp_path: Path, more: str, fault: str) -> None:
    assert faults(tmp_path, SOUND + more) == [fault]
