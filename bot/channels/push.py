"""Other chats, and push: Telegram, Mattermost, Discord, ntfy, Google Chat and 100 more, by apprise.

An address is the name of one of `urls`; apprise.readthedocs.io says how each service's is written.
It knows success and failure and nothing between: what fails is tried again, and goes to the
person's next channel when that takes too long.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from bot.channels.json_cut import cut, weight
from bot.channels.once import is_told, receipt
from bot.channels.threads import Threads
from bot.config.secret import Secret
from routing.delivery.channel import ChannelKind, Message, Receipt, Rejected, TryLater
from routing.delivery.report import Finished
from routing.delivery.words import flat, shortened, web_link
from storage.model.delivery import Post, Purpose

NAME = "push"
TIMEOUT, PATIENCE = 10.0, 12.0  # seconds, for apprise and for all of a call
LONGEST_TITLE, LONGEST_BODY, MOST_BYTES, MOST_TITLE_BYTES = 120, 600, 3_600, 600
"""Short: the smallest services take 250 letters of a title, 1,000 of a text, 4 KB of JSON."""

_PINGS = re.compile(r"@(?=\w)|<(?=[!@#/a-zA-Z])|(?<=\])(?=\()|(?<=\w)(?=://)")
_UNSEEN = "\u2060"
INSTALL = "push needs apprise, which is not installed: pip install apprise"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOptions:
    """urls: name -> a service's address as apprise writes it; it holds tokens."""

    urls: dict[str, Secret]


class Push:
    """apprise, in threads. Imported by the first call: it reads more than a hundred modules."""

    def __init__(self, options: PushOptions) -> None:
        self._urls = options.urls
        self._threads = Threads()

    async def send(
        self,
        message: Message,
        address: str,
        key: str,  # noqa: ARG002  apprise recognises no repeat
        post: Post | None,
    ) -> Receipt:
        """Tell the service of this name; a room hears of each state once."""
        if address not in self._urls:
            advice = f"add it to channels.push.urls; known: {', '.join(sorted(self._urls))}"
            raise Rejected(f"push, no address is called {address!r}", advice=advice)
        if not is_told(message, post):
            title, body = words(message)
            url = self._urls[address].reveal()
            if not await self._tell(partial(_notify, url, title, body), address):
                raise TryLater(f"push to {address}: the service refused it, or cannot be reached")
        return receipt(message, NAME, address, post)

    async def send_report(self, report: Finished, address: str, key: str) -> Receipt:  # noqa: ARG002
        """Tell what a report says in words; charts and tables stay behind."""
        if address not in self._urls:
            advice = f"add it to channels.push.urls; known: {', '.join(sorted(self._urls))}"
            raise Rejected(f"push, no address is called {address!r}", advice=advice)
        said = "\n".join(_harmless(it, LONGEST_BODY) for it in (report.headline, *report.notes))
        title = cut(_harmless(report.title, LONGEST_TITLE), MOST_TITLE_BYTES)
        text = cut(shortened(said, 2 * LONGEST_BODY), MOST_BYTES - weight(title))
        if not await self._tell(
            partial(_notify, self._urls[address].reveal(), title, text), address
        ):
            raise TryLater(f"push to {address}: the service refused it, or cannot be reached")
        return Receipt(provider_id="")

    async def _tell(self, work: Any, address: str) -> bool:
        """Call, and keep what apprise says to itself: its errors show the address."""
        failed = ""
        try:
            return bool(await self._threads.run(work, PATIENCE))
        except TimeoutError:
            failed = "no answer in time"
        except ModuleNotFoundError:
            failed = INSTALL
        except Exception as error:
            failed = f"the call failed ({type(error).__name__})"
        raise TryLater(f"push to {address}: {failed}")

    async def outcome(self, provider_id: str) -> Receipt:
        """Say that nothing more is known; the kind does not prove."""
        raise TryLater(f"a push proves nothing about {provider_id}")

    async def close(self) -> None:
        """Let go of nothing: each call has a connection of its own."""


def words(message: Message) -> tuple[str, str]:
    """Return title and text, short, in which nothing pings and nothing is a link but ours."""
    head = f"{message.severity.upper()} {message.title}" if message.incident else message.title
    asked = message.purpose is Purpose.PAGE and (message.incident or message.ack)
    lines = [
        _harmless(line, LONGEST_BODY)
        for line in (dict(message.facts).get("State", ""), *message.summary.splitlines())
    ]
    title = cut(_harmless(head, LONGEST_TITLE), MOST_TITLE_BYTES)
    text = cut(shortened("\n".join(filter(None, lines)), LONGEST_BODY), MOST_BYTES - weight(title))
    answer = f"Answer: tocsin ack {message.ack or message.incident}" if asked else ""
    told = "\n".join(filter(None, (text, answer, web_link(message.link))))
    return title, told or "-"


def _harmless(text: str, longest: int) -> str:
    """Keep services from reading mentions, tags and links: their signs are held apart, unseen.

    Each of them has a markup of its own, so the signs of all are treated alike.
    """
    return _PINGS.sub(lambda found: found[0] + _UNSEEN, shortened(flat(text), longest))


def _notify(url: str, title: str, body: str) -> bool:
    """Send by apprise; it says only whether that went well."""
    import apprise

    sender = apprise.Apprise(asset=_asset())
    service = _service(url)
    return bool(
        service is not None
        and sender.add(service)
        and sender.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT)
    )


def _service(url: str) -> Any:
    """Return what apprise makes of an address; None where it is none of its services'."""
    import apprise

    # Its log quotes addresses; what matters of it is in our own.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return apprise.Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True)


def service_name(url: str) -> str:
    """Name the service of an address, such as `ntfy`; empty where it is none's."""
    service = _service(url)
    return str(service.service_name) if service is not None else ""


def _asset() -> Any:
    """Return how apprise is to behave: nothing on disk, no loop of its own."""
    import apprise

    return apprise.AppriseAsset(
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        async_mode=False,
        secure_logging=True,
        service_timeout=TIMEOUT,
        app_id="Tocsin",
        app_desc="Tocsin",
    )


def faults(options: PushOptions) -> Iterator[tuple[tuple[str, ...], str]]:
    """Say which addresses no service takes; none of them is shown."""
    if find_spec("apprise") is None:
        yield (), INSTALL
        return
    for name, url in options.urls.items():
        if _service(url.reveal()) is None:
            expected = "expected one that apprise knows, such as ntfys://ntfy.sh/topic"
            yield ("urls", name), f"found an address that no service takes; {expected}"


def addresses(options: PushOptions) -> Mapping[str, Secret]:
    """Return the services by their names."""
    return options.urls


CHANNEL = ChannelKind(
    name=NAME,
    options=PushOptions,
    open=Push,
    has_rooms=True,
    takes_reports=True,
    seconds_between=1.0,
    addresses=addresses,
    faults=faults,
)
