"""Channels: found by file, imported only when named, options read by their types."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

import bot.channels
from bot.config import channels
from bot.config.secret import Secret
from routing.delivery.channel import ChannelKind
from routing.plugins import collect


def test_every_channel_is_known_by_the_name_of_its_file() -> None:
    assert set(channels.names()) == set(collect(bot.channels, ChannelKind))
    for name in channels.names():
        assert channels.kind(name).name == name


def test_knowing_the_names_imports_none_of_them() -> None:
    code = (
        "import sys; from bot.config import channels, read; assert channels.names(); "
        "print([n for n in sys.modules if n.startswith('bot.channels.')], "
        "'phonenumbers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[] False"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    key: Secret
    path: Path = Path("x")
    wait: timedelta = timedelta(seconds=5)
    loud: bool = False
    tries: int = 3
    share: float = 0.5
    names: tuple[str, ...] = ()


KIND = ChannelKind(name="test", options=Options, open=lambda _: None)  # type: ignore[arg-type, return-value]


def test_options_are_read_by_their_types(tmp_path: Path) -> None:
    model = channels.section(Options)
    written = {
        "key": "k", "path": "y", "wait": "1m", "loud": True, "tries": "7", "share": "0.25",
        "names": ["a"],
    }  # fmt: skip
    read = model.model_validate(written, context={"folder": tmp_path})
    assert channels.options(KIND, read) == Options(
        key=Secret("k"), path=tmp_path / "y", wait=timedelta(minutes=1), loud=True, tries=7,
        share=0.25, names=("a",),
    )  # fmt: skip


def test_options_have_their_defaults_and_refuse_what_they_do_not_know() -> None:
    model = channels.section(Options)
    assert channels.options(KIND, model.model_validate({"key": "k"})) == Options(key=Secret("k"))
    for written in ({}, {"key": "k", "kee": 1}, {"key": "k", "wait": "5"}, {"key": ""}):
        with pytest.raises(ValidationError):
            model.model_validate(written)


def test_a_secret_is_never_shown() -> None:
    secret = Secret("very-secret")
    assert f"{secret} {secret!r} {[secret]}" == "<secret> <secret> [<secret>]"
    assert (secret, bool(Secret(""))) == (Secret("very-secret"), False)
    assert secret != "very-secret"
    assert len({secret, Secret("very-secret")}) == 1
