"""amtool drives a real Alertmanager and Tocsin: the same session, and the same answers."""

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers import alertmanager, program
from tests.promises.conftest import Found
from tests.promises.tocsin import Json
from tests.promises.town import town
from tests.vendors.process import Remote

CONFIG = """
route:
  receiver: default
  group_by: [alertname]
  routes:
  - {matchers: [team="shop"], receiver: shop, continue: true}
  - {matchers: ['severity=~"info|none"'], receiver: quiet}
receivers: [{name: default}, {name: shop}, {name: quiet}]
"""
NO_RULES: Json = {"groups": []}
ALERTS = (
    "alert add alertname=Foo team=shop severity=warning instance=a --annotation=summary=down",
    "alert add Bar team=db severity=info instance=b_c --start=2026-01-02T08:00:00Z",
)
ASKED = (
    "alert query",
    "alert query -o extended Foo",
    "alert query instance=b_c",
    "alert query instance=",
    "alert query instance!=a",
    "alert query alertname=~F.o severity=warning",
    "alert query --receiver=shop",
    "alert query --active --receiver=quiet",
    "alert query --silenced",
    "alert add",
    "silence query team=~s.*",
    "config routes test team=shop severity=info",
    "config routes test --verify.receivers=shop team=db",
    "cluster show",
)
SILENCES = (
    "silence add -a ada -c one -d 1h team=shop instance!=x",
    "silence add -a bob -c two -d 2h instance=b_c alertname=~B.*",
    "silence add -a bob -c three --start=2999-01-01T00:00:00Z --end=2999-01-02T00:00:00Z a=b",
    "silence add -c none a=~.*",
    "silence add a=b",
    "silence query -o extended",
    "silence query --created-by=bob",
    "silence query --within=90m",
    "silence query instance=b_c",
    "silence update -d 3h -c longer <0>",
    "silence update -c another <1>",
    "silence query",
    "silence expire <1>",
    "silence expire <1>",
    "silence expire",
    "silence query --expired",
    "silence update -d 4h <1>",
    "silence query -q",
    "silence update 00000000-0000-4000-8000-000000000000",
)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC")
OURS = ("Warning: amtool version",)
"""Said because another version is spoken here than this amtool's."""


@dataclass
class Session:
    """One amtool against one of them. ids: of silences, in the order in which they were seen."""

    address: str
    ids: list[str] = field(default_factory=list)

    async def say(self, words: str, told: bytes = b"") -> str:
        """Run a command; return how it ended and what it printed, the same for the same."""
        arguments = [
            re.sub("<([0-9]+)>", lambda it: self.ids[int(it[1])], word) for word in words.split()
        ]
        process = await asyncio.create_subprocess_exec(
            program("amtool"),
            f"--alertmanager.url={self.address}",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = (text.decode() for text in await process.communicate(told))
        lines = [it for it in complaint.splitlines() if not it.startswith(OURS)]
        return f"{process.returncode}\n{self._alike(said)}{self._alike(chr(10).join(lines))}"

    def _alike(self, text: str) -> str:
        for found in UUID.findall(text):
            if found not in self.ids:
                self.ids.append(found)
        text = UUID.sub(lambda it: f"<{self.ids.index(it[0])}>", text)
        text = re.sub("BadRequest.*", "BadRequest", text)  # each says why in its own words
        return re.sub(" +", " ", TIME.sub("TIME", text))


async def test_the_same_session_at_both(found: Found, tmp_path: Path, twilio: Remote) -> None:
    config = town(twilio)
    del config["server"]["tokens"]
    config["sources"] = {"anybody": {}}
    config["policies"] = dict.fromkeys(("default", "shop", "quiet"), config["policies"]["default"])
    config["routes"] = [
        {"match": ['team="shop"'], "policy": "shop", "continue": True},
        {"match": ['severity=~"info|none"'], "policy": "quiet"},
    ]
    tocsin = found(config, NO_RULES)
    await tocsin.start()
    async with alertmanager(tmp_path, CONFIG) as address:
        there, here = Session(address), Session(tocsin.url)
        for words in (*ALERTS, *ASKED, *SILENCES):
            assert await here.say(words) == await there.say(words), words
