"""What a reload may change, and what waits for a restart."""

from pathlib import Path

import pytest

from bot.config.whole import Whole
from bot.reload import effective, refuse_new_channels, waiting
from storage.errors import ConfigError
from tests.bot.config.town import SOUND, read


@pytest.mark.parametrize(
    ("more", "keys"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("server: {listen: '127.0.0.1:1'}", ["server.listen"], id="address"),
        pytest.param(
            "server: {public_url: https://tocsin.example.com}", [], id="links-change-at-once"
        ),
        pytest.param(
            "storage: {directory: other, history: 30d}",
            ["storage.directory", "storage.history"],
            id="storage",
        ),
        pytest.param(
            "heartbeat: {url: https://watch.example.com/x}", ["heartbeat"], id="heartbeat"
        ),
        pytest.param(
            "log: {level: debug}\ncommands: {short_forms: true}",
            ["commands.short_forms", "log.level"],
            id="log",
        ),
        pytest.param("sources: {prom: {expect: 1m}}", [], id="sources-change-at-once"),
    ],
)
def test_what_waits_for_a_restart_is_named(tmp_path: Path, more: str, keys: list[str]) -> None:
    started, new = read(tmp_path), read(tmp_path, f"{SOUND}{more}\n")
    assert sorted(waiting(started, new)) == keys
    assert list(waiting(started, effective(started, new))) == []


def test_channels_stay_as_they_were_opened(tmp_path: Path) -> None:
    started = read(tmp_path)
    other = read(tmp_path, SOUND.replace("+14155550100", "+14155550199"))
    assert list(waiting(started, other)) == ["channels.sms"]
    assert effective(started, other).channels == started.channels


def test_a_channel_more_is_refused_and_one_less_stays_open(tmp_path: Path) -> None:
    few = (
        SOUND.replace("  slack: {bot_token", "  #slack: {bot_token")
        .replace("    rooms: [{slack: C012ABCDEF}]\n", "")
        .replace("slack: U012ABCDEF, ", "")
        .replace("  bob: {slack: U023ABCDEF}", "  bob: {}")
        .replace("[ada, bob]", "[ada]")
    )
    small, large = read(tmp_path, few), read(tmp_path)

    def whole(config: object) -> Whole:
        return Whole(path=Path("config.yaml"), config=config, groups=())  # type: ignore[arg-type]

    with pytest.raises(ConfigError, match="slack was not there at the start"):
        refuse_new_channels(small, whole(large))
    refuse_new_channels(large, whole(small))
    assert list(waiting(large, small)) == ["channels.slack"]
    assert "slack" in effective(large, small).channels
