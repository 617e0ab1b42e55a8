"""The page behind a signed link: who answers what, and a button.

Opening it changes nothing, for programs that look into mail open every link. The signature is
all that is asked for, so the page is served beyond loopback too, and tells those without one
nothing but that.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from bot.channels.links import PATH, Answer, AnswerLinks
from bot.chat.speak import speak
from bot.chat.wording import clock_time, standing
from bot.web.parts import Parts
from routing.delivery.compose import ACTIONS, title
from routing.flow.desks import Desks
from storage.clock import Clock, Steady, utc
from storage.errors import BotError, StorageUnavailable
from storage.model.incident import Incident
from storage.model.person import Person
from storage.sql import incidents

if TYPE_CHECKING:
    from jinja2 import Template

log = structlog.get_logger(__name__)

HERE = Path(__file__).parent
VIA = "link"
ANSWERS_A_MINUTE = 20  # of one person, for one incident
GUESSES_A_MINUTE = 60  # of one address, without a valid signature
MOST_COUNTED = 10_000


def routes(parts: Parts) -> list[BaseRoute]:
    """Return the page's routes; none where links are not made."""
    if parts.links is None:
        return []
    page = AnswerPage(parts.links, parts.desks)
    return [
        Route(PATH + "{token}", page.look),
        Route(PATH + "{token}", page.answer, methods=["POST"]),
        Route("/answer.css", _style),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the page shows.

    about:  the incident in a line; empty for those whom it does not concern.
    button: what pressing it does; empty: there is nothing to press.
    """

    status: int
    text: str
    about: str = ""
    severity: str = ""
    button: str = ""
    small: str = ""
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A link that holds: what it says, whose it is and what it is about."""

    answer: Answer
    person: Person
    incident: Incident

    @property
    def label(self) -> str:
        """The button's text; empty where the incident is past this answer."""
        if self.incident.round != self.answer.round:
            return ""
        actions = ACTIONS[self.incident.status]
        return next((it.label for it in actions if it.verb == self.answer.verb), "")


class AnswerPage:
    """Shows a link's page, and does what its button says."""

    def __init__(self, links: AnswerLinks, desks: Desks) -> None:
        self._links, self._desks = links, desks
        self._answers = Allowance(ANSWERS_A_MINUTE, desks.clock)
        self._guesses = Allowance(GUESSES_A_MINUTE, desks.clock)

    async def look(self, request: Request) -> Response:
        """Show what the link would do; a mail scanner's visit ends here."""
        found = await self._found(request)
        return self._page(found if isinstance(found, Shown) else self._offer(found))

    async def answer(self, request: Request) -> Response:
        """Answer as the person whom the link names."""
        found = await self._found(request)
        if isinstance(found, Case) and found.label:
            found = await self._answered(found)
        return self._page(found if isinstance(found, Shown) else self._offer(found))

    async def _found(self, request: Request) -> Case | Shown:
        """Return what the link is about, or why it cannot be used, in words."""
        answer = self._links.read(request.path_params["token"])
        if answer is None:
            client = request.client.host if request.client else ""
            if not self._guesses.take(client):
                return _TOO_MANY
            log.warning("a link without our signature was opened", client=client)
            return _FORGED
        if not self._answers.take(f"{answer.person} {answer.incident}"):
            return _TOO_MANY
        if self._links.is_over(answer):
            return _ended(answer, self._desks.clock)
        person = self._links.speaker(answer)
        if person is None:
            return _NOBODY
        try:
            async with self._desks.database.reading() as tx:
                incident = await incidents.get(tx, answer.incident)
        except StorageUnavailable:
            return _AWAY
        except BotError:
            return _forgotten(answer)
        return Case(answer=answer, person=person, incident=incident)

    def _offer(self, case: Case) -> Shown:
        """Say how it stands, and offer the answer where it still is one."""
        state = self._standing(case.incident)
        about, severity = title(case.incident), str(case.incident.severity)
        if case.label:
            ends = clock_time(utc(case.answer.ends), self._desks.clock.utc_now())
            return Shown(
                status=200,
                text=f"It is {state}.",
                about=about,
                severity=severity,
                button=f"{case.label} as {case.person.name}",
                small=f"Nothing happens until you press it. The link ends at {ends}.",
            )
        text = f"Nothing is left to answer: it is {state}."
        if case.incident.round != case.answer.round:
            text = (
                f"It has been raised anew since this link was made, and is {state}. "
                "A newer message has a link for that."
            )
        return Shown(status=200, text=text, about=about, severity=severity)

    async def _answered(self, case: Case) -> Shown:
        """Say the verb as any other mouth does, and show what is answered."""
        reply = await speak(
            f"{case.answer.verb} {case.incident.id}",
            person=case.person,
            who=case.person.id,
            via=VIA,
            origin="",
            desks=self._desks,
        )
        about = title(case.incident)
        text = reply.text.removeprefix(f"{about}: ")  # it stands above already
        return Shown(
            status=409 if reply.refused else 200,
            text=text[:1].upper() + text[1:],
            about=about,
            severity=str(case.incident.severity),
            done=not reply.refused,
            small=f"Answered as {case.person.name}." if not reply.refused else "",
        )

    def _standing(self, incident: Incident) -> str:
        now = self._desks.clock.utc_now()
        return standing(incident, self._desks.playbook().people, now)

    def _page(self, shown: Shown) -> Response:
        return HTMLResponse(
            self._template.render(shown=shown),
            status_code=shown.status,
            headers={"X-Robots-Tag": "noindex, nofollow"}
            | ({"Retry-After": "60"} if shown.status in (429, 503) else {}),
        )

    @cached_property
    def _template(self) -> "Template":
        """The page's template; jinja2 takes 2 MiB and is imported by the first reader."""
        from jinja2 import Environment, FileSystemLoader

        templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
        return templates.get_template("answer.html")


class Allowance:
    """So many a minute for each name; the names least used are forgotten first."""

    def __init__(self, a_minute: int, clock: Clock) -> None:
        self._most, self._clock = a_minute, clock
        self._used: OrderedDict[str, tuple[float, Steady]] = OrderedDict()

    def take(self, name: str) -> bool:
        """Use one; False where none is left for now."""
        now = self._clock.steady()
        used, at = self._used.pop(name, (0.0, now))
        used = max(0.0, used - (now - at) * self._most / 60.0)
        allowed = used + 1 <= self._most
        self._used[name] = (used + 1 if allowed else used, now)
        if len(self._used) > MOST_COUNTED:
            self._used.popitem(last=False)
        return allowed


_FORGED = Shown(
    status=403,
    text="This link is not one of ours, or it was cut off on its way. "
    "Open it from the message itself, or answer in chat.",
)
_TOO_MANY = Shown(status=429, text="That was too often. Wait a minute, then try again.")
_NOBODY = Shown(
    status=403,
    text="Whom this link was made for is not in the configuration any more. "
    "An administrator can add them to `people`.",
)
_AWAY = Shown(
    status=503,
    text="The database cannot be reached at the moment, so nothing was done. "
    "Try again in a minute, or answer in chat.",
)


def _ended(answer: Answer, clock: Clock) -> Shown:
    ended = clock_time(utc(answer.ends), clock.utc_now())
    return Shown(
        status=410,
        text=f"This link ended at {ended}: links work for 24 hours. "
        f"`ack {answer.incident}` or `resolve {answer.incident}` in chat still answers.",
    )


def _forgotten(answer: Answer) -> Shown:
    return Shown(status=404, text=f"Incident #{answer.incident} is not kept any more.")


async def _style(_request: Request) -> Response:
    return FileResponse(HERE / "static" / "answer.css", media_type="text/css")
