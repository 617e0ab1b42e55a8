"""Microsoft Teams, one way: each state of an incident as a card, by the webhook of a Workflow.

A webhook cannot edit, answer or be answered: a change worth telling is a new card that names the
incident's number. People are asked by another channel.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import structlog

from bot.channels import cards
from bot.channels.draws import AskPlot
from bot.channels.links import AnswerLinks
from bot.channels.once import is_told, receipt
from bot.channels.report_card import report_posting
from bot.channels.teams_errors import WORKFLOW, Answer, explained
from bot.channels.threads import Threads
from bot.config.secret import Secret
from routing.delivery.channel import ChannelKind, Message, Receipt, Rejected, TryLater
from routing.delivery.report import Finished
from storage.model.delivery import Post

log = structlog.get_logger()

NAME = "teams"
TIMEOUT, PATIENCE = 8.0, 12.0  # seconds without a byte, and for all of a call
RETIRED = ("outlook.office.com", "outlook.office365.com", "webhook.office.com")
LOCAL = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsOptions:
    """rooms: name -> address of the Workflow that posts into it; whoever knows it can post."""

    rooms: dict[str, Secret]


class Teams:
    """pymsteams as the sender, in a thread: its asynchronous class fails on 202, which is success.

    It is imported by the first call: requests is 12 MiB that an idle pager does without.
    """

    def __init__(self, options: TeamsOptions) -> None:
        self._rooms = options.rooms
        self._threads = Threads()
        self._ask_plot: AskPlot | None = None
        self._links: AnswerLinks | None = None

    def take_plots(self, ask: AskPlot) -> None:
        """Put charts of what rules watched into the cards about incidents."""
        self._ask_plot = ask

    def take_links(self, links: AnswerLinks) -> None:
        """Put links that say what an alarm was worth into the cards that say that it is over."""
        self._links = links

    async def send(
        self,
        message: Message,
        address: str,
        key: str,  # noqa: ARG002  a Workflow recognises no repeat
        post: Post | None,
    ) -> Receipt:
        """Post a card into the room of this name, unless it has been told all of it."""
        if address not in self._rooms:
            advice = f"add it to channels.teams.rooms; known: {', '.join(sorted(self._rooms))}"
            raise Rejected(f"Teams, no room is called {address!r}", advice=advice)
        if not is_told(message, post):
            await self._show(message, address, post.told if post else 0)
        return receipt(message, NAME, address, post)

    async def _show(self, message: Message, room: str, told: int) -> None:
        """Post the card; where it is refused for what it is, the least that helps."""
        what = f"Teams, room {room}"
        plot = None
        links = self._links.room_links(message, NAME, room) if self._links else ()
        if self._ask_plot is not None and message.incident is not None:
            plot = await self._ask_plot(message.incident)
        try:
            card = cards.posting(message, told, plot, links)
        except ValueError:
            log.exception("card not fit for Teams", incident=message.incident, room=room)
            card = cards.short_posting(message)
        answer = await self._post(room, card)
        if answer.is_unfit:
            answer = await self._post(room, cards.short_posting(message))
        if refusal := explained(answer, what):
            raise refusal

    async def send_report(
        self,
        report: Finished,
        address: str,
        key: str,  # noqa: ARG002  a Workflow recognises no repeat
    ) -> Receipt:
        """Post a report into the room of this name: words, a table, charts that Teams draws."""
        if address not in self._rooms:
            advice = f"add it to channels.teams.rooms; known: {', '.join(sorted(self._rooms))}"
            raise Rejected(f"Teams, no room is called {address!r}", advice=advice)
        answer = await self._post(address, report_posting(report))
        if refusal := explained(answer, f"Teams, room {address}"):
            raise refusal
        return Receipt(provider_id="")

    async def _post(self, room: str, card: cards.Json) -> Answer:
        url = self._rooms[room].reveal()
        try:
            return await self._threads.run(partial(_call, url, card), PATIENCE)
        except TimeoutError:
            return Answer(failed="no answer in time")

    async def outcome(self, provider_id: str) -> Receipt:
        """Say that nothing more is known; the kind does not prove."""
        raise TryLater(f"Teams proves nothing about {provider_id}")

    async def close(self) -> None:
        """Let go of nothing: each card has a connection of its own."""


def _call(url: str, card: cards.Json) -> Answer:
    """Post the card and return what was answered; no error of a library leaves, they show `url`."""
    import pymsteams
    import requests

    sender = pymsteams.connectorcard(url, http_timeout=TIMEOUT)
    sender.payload = card
    try:
        sender.send()
    except pymsteams.TeamsWebhookException:
        pass  # not 2xx; the response says it all
    except requests.exceptions.Timeout:
        return Answer(failed="no answer in time")
    except requests.exceptions.SSLError:
        return Answer(failed="the certificate is not to be trusted")
    except requests.exceptions.ConnectionError:
        return Answer(failed="cannot be reached, or the connection broke")
    except requests.exceptions.RequestException as error:
        return Answer(failed=f"the call failed ({type(error).__name__})")
    got = sender.last_http_response
    return Answer(
        status=got.status_code,
        body=got.text[:4_000],
        retry_after=got.headers.get("Retry-After", ""),
        redirected=bool(got.history),
    )


def faults(options: TeamsOptions) -> Iterator[tuple[tuple[str, ...], str]]:
    """Say which addresses cannot be a Workflow's, and what to do; none of them is shown."""
    for name, secret in options.rooms.items():
        if text := _fault(secret.reveal()):
            yield ("rooms", name), text


def _fault(address: str) -> str:
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
    except ValueError:
        host = ""
    if not host or any(char.isspace() for char in address):
        return f"found a text that is no address; expected the address of a Workflow: {WORKFLOW}"
    if any(host == retired or host.endswith(f".{retired}") for retired in RETIRED):
        return (
            "found the address of an Office 365 connector, which Microsoft has retired; "
            f"expected that of a Workflow: {WORKFLOW}"
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOCAL):
        return "found an address that is not encrypted; expected one that begins with https://"
    return ""


def addresses(options: TeamsOptions) -> Mapping[str, Secret]:
    """Return the rooms by their names."""
    return options.rooms


CHANNEL = ChannelKind(
    name=NAME,
    options=TeamsOptions,
    open=Teams,
    has_rooms=True,
    takes_reports=True,
    asks=False,
    seconds_between=1.0,
    addresses=addresses,
    faults=faults,
)
