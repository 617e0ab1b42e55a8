"""People answer a call: what they hear, and what a key does.

The address of each request names the page, signed; the page's round must be the incident's, and
the phone the one that was called, so that an old or a made-up call answers nothing.
"""

from dataclasses import dataclass, replace

import structlog

from bot.channels.voice import PATH, Voice
from bot.channels.voice_proof import is_machine, proof
from bot.channels.voice_token import CallTokens
from bot.channels.voice_words import KEYS, asking, clean, goodbye, silence, spoken
from bot.chat.speak import speak
from bot.chat.wording import standing
from routing.delivery import body
from routing.delivery.channel import Receipt
from routing.delivery.compose import title
from routing.flow.desks import Desks
from routing.flow.failover import is_wanted
from storage.model.delivery import OutboxMessage
from storage.model.incident import Incident
from storage.model.person import Person
from storage.sql import incidents, outbox, seen

log = structlog.get_logger(__name__)

VIA = "voice"
Form = dict[str, str]
MOST_TURNS, NAMED = 3, 5
DONE = {
    "ack": "You have it. Escalation has stopped.",
    "resolve": "It is resolved.",
    "escalate": "The next people are being asked.",
}
OVER = ("This call is over. Look into chat.",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A call that holds: the page it is for, whom it is for, and how the incident stands.

    wanted: incidents that it still asks about; several where one call carries several pages.
    """

    page: OutboxMessage
    person: Person
    incident: Incident
    wanted: tuple[Incident, ...]


class VoiceMouth:
    """Hears keys. place: our public address."""

    def __init__(self, channel: Voice, desks: Desks, place: str, tokens: CallTokens) -> None:
        self._language, self._desks = channel.options.language, desks
        self._place, self._tokens = place, tokens

    def is_ours(self, token: str) -> bool:
        """Say whether we made this call's address."""
        return bool(self._tokens.read(token))

    def machine(self, form: Form) -> Receipt | None:
        """Return what a call that a machine answered has come to; None where a person did."""
        by = form.get("AnsweredBy", "")
        return proof(form.get("CallSid", ""), "in-progress", by) if is_machine(by) else None

    async def answered(self, token: str, form: Form) -> str:
        """Return what is said to whoever picked up."""
        if self.machine(form) is not None:
            return silence()
        case = await self._case(token, form)
        return self._over(case) if not self._is_wanted(case) else self._asking(case, token, 1)

    async def pressed(self, token: str, form: Form, turn: int) -> str:
        """Do what a key says, once for each call and key, and return what is said then."""
        case = await self._case(token, form)
        if case is None or not self._is_wanted(case):
            return self._over(case)
        verb = KEYS.get(form.get("Digits", ""))
        if verb is None:
            if turn >= MOST_TURNS:
                return goodbye(["That is no choice."], self._language)
            return self._asking(case, token, turn + 1, "That is no choice.")
        now, key = self._desks.clock.utc_now(), f"voice/{form.get('CallSid', '')}/{verb}"
        async with self._desks.database.transaction() as tx:
            if not await seen.first_time(tx, key, now):
                return self._over(case)
        reply = await speak(
            f"{verb} {' '.join(str(it.id) for it in case.wanted)}",
            person=case.person,
            who=case.person.id,
            via=VIA,
            origin="",
            desks=self._desks,
        )
        said = clean(reply.text) if reply.refused else DONE[verb]
        return goodbye([said], self._language)

    async def _case(self, token: str, form: Form) -> Case | None:
        """Return what a call is about; None where it is about nothing that is known."""
        key = self._tokens.read(token)
        async with self._desks.database.reading() as tx:
            page = (await outbox.by_keys(tx, [key])).get(key)
            if page is None or page.incident is None or page.address != form.get("To"):
                log.warning("a call that we do not know", key=key)
                return None
            carried = await outbox.by_provider(tx, VIA, form.get("CallSid", ""))
            pages = [page, *(it for it in carried if it.id != page.id)]
            known = await incidents.get_many(tx, [it.incident for it in pages if it.incident])
        person = self._desks.playbook().people.get(page.person) if page.person else None
        if person is None or page.incident not in known:
            return None
        wanted = [
            known[it.incident]
            for it in pages
            if it.incident in known and it.person == person.id
            if is_wanted(it, known[it.incident])
        ]
        own = known[page.incident]
        return Case(page=page, person=person, incident=own, wanted=tuple(wanted))

    def _is_wanted(self, case: Case | None) -> bool:
        return case is not None and bool(case.wanted)

    def _asking(self, case: Case | None, token: str, turn: int, first: str = "") -> str:
        assert case is not None
        message = replace(
            body.read(case.page.body),
            incident=case.wanted[0].id,
            title=title(case.wanted[0]),
            severity=case.wanted[0].severity,
        )
        action = f"{self._place}{PATH}{token}/key?turn={turn}"
        lines = [first] if first else spoken(message) if len(case.wanted) == 1 else _many(case)
        return asking(lines, self._language, action)

    def _over(self, case: Case | None) -> str:
        """Say how it stands: there is nothing to answer."""
        if case is None:
            return goodbye(OVER, self._language)
        now, people = self._desks.clock.utc_now(), self._desks.playbook().people
        state = clean(standing(case.incident, people, now))
        return goodbye([f"Incident number {case.incident.id} is {state}."], self._language)


def _many(case: Case) -> tuple[str, ...]:
    """Say how many wait, and which are the most urgent."""
    urgent = sorted(case.wanted, key=lambda it: (it.severity.rank, it.id))
    lines = [f"Number {it.id}, {it.severity}, {clean(it.title, 60)}." for it in urgent[:NAMED]]
    more = [f"And {len(urgent) - NAMED} more."] if len(urgent) > NAMED else []
    return ("This is Tocsin.", f"{len(urgent)} incidents wait for you.", *lines, *more)
