"""People answer by SMS: `ack 12`, `aa`, STOP. By webhook where Twilio reaches us, else we ask.

Each SMS is done once, however often and by whichever way it comes in; its id is noted, with the
answer to it, in one transaction. Answers are few: two machines that answer each other must stop.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.channels.sms import Heard, Sms
from bot.channels.twilio import SKEW
from bot.chat.parse import parse
from bot.chat.speak import speak, verbs
from bot.chat.verb import Reply
from routing.delivery.channel import Rejected, TryLater
from routing.delivery.compose import trouble_message
from routing.delivery.letters import trouble_letters
from routing.delivery.words import flat
from routing.flow.desks import Desks
from routing.flow.phones import LASTING, PhoneBook, reply_letter
from storage.clock import Steady
from storage.errors import nearest
from storage.model.person import Person
from storage.sql import outbox, phone_pages, seen

log = structlog.get_logger(__name__)

VIA, CHANNELS = "sms", ("sms", "voice")
STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START = frozenset({"START", "YES", "UNSTOP"})
"""Twilio's own words; it obeys them before we hear of them, and answers them itself."""
HELP = (
    "ack 12, res 12, snooze 12 30m, esc 12\n"
    "aa: take all that wait for you\n"
    "alerts, show 12, why 12, oncall\n"
    "real 12, false 12, none 12: its worth\n"
    "STOP: no more SMS"
)
HOUR = timedelta(hours=1)
MOST_TO_A_STRANGER, MOST_TO_STRANGERS = 5, 30  # answers an hour
MOST_REFUSALS, MOST_REPLIES = 10, 60  # to somebody we know, an hour
ROWS = 5
TURN, SELDOM, RARELY = 5.0, 30.0, 60.0  # seconds between two questions
LONGEST_AGO = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """What may be answered. since: of the oldest page by SMS; None: nothing waits."""

    since: datetime | None
    pace: float


class SmsMouth:
    """Hears what people text. heard: an SMS came in by webhook, so asking is only a safety net."""

    def __init__(self, channel: Sms, desks: Desks, book: PhoneBook) -> None:
        self._channel, self._desks, self._book = channel, desks, book
        self._hearing: set[str] = set()
        self._next_look = self._next_invitation = Steady(0.0)
        self._trouble = ""
        self.heard = False

    async def by_webhook(self, form: dict[str, str]) -> None:
        """Take an SMS that Twilio brings; raises StorageUnavailable."""
        if form.get("To") != self._channel.options.from_number or not form.get("MessageSid"):
            return
        self.heard = True
        at = self._desks.clock.utc_now()
        sms = Heard(
            sid=form["MessageSid"], sender=form.get("From", ""), text=form.get("Body", ""), at=at
        )
        await self.hear(sms, told=form.get("OptOutType", ""))

    async def hear(self, sms: Heard, *, told: str = "", late: bool = False) -> bool:
        """Do what an SMS says, once; False where that has been done.

        told: Twilio's own reading of STOP and START.  late: it is older than all that is open:
        only STOP, START and codes are heeded.
        """
        if sms.sid in self._hearing:
            return False
        self._hearing.add(sms.sid)
        try:
            async with self._desks.database.reading() as tx:
                if await seen.is_known(tx, f"sms/{sms.sid}"):
                    return False
            answer, person = await self._done(sms, told.upper(), late)
            await self._answered(sms, answer, person)
            return True
        finally:
            self._hearing.discard(sms.sid)

    async def _done(self, sms: Heard, told: str, late: bool) -> tuple[Reply | None, Person | None]:
        """Do it, and return the answer; None where none is due."""
        word = sms.text.strip().strip(".!").upper()
        if told == "STOP" or (not told and word in STOP):
            await self._book.note_stopped(sms.sender)
            return None, None
        if told == "START" or (not told and word in START):
            await self._book.note_started(sms.sender)
            return None, None
        person = self._speaker(sms.sender)
        text = sms.text
        if text.strip().isdecimal() and len(text.strip()) == 6:
            text = f"verify {text}"
        verb = parse(text).verb
        if late and verb != "verify":
            log.warning("an SMS came too late and was not done", sid=sms.sid, at=sms.at)
            return None, person
        if person is not None and verb != "verify" and not await self._is_confirmed(sms.sender):
            return Reply(NOT_CONFIRMED, refused=True), person
        if person is not None and verb in ("help", "?", "info"):
            return Reply(HELP), person
        if person is not None and (refusal := _unfit(verb)):
            return Reply(refusal, refused=True), person
        if person is None and not await self._may_answer(sms.sender, None, refused=True):
            return None, None  # told often enough, and written down then
        reply = await speak(
            text, person=person, who=sms.sender, via=VIA, origin="", desks=self._desks
        )
        return reply, person

    async def _is_confirmed(self, number: str) -> bool:
        return not self._book.verify or (await self._book.get(number)).verified_at is not None

    def _speaker(self, number: str) -> Person | None:
        """Return who has this number; nobody where several have it."""
        people = self._desks.playbook().people.values()
        found = [
            person
            for person in people
            if any(it.address == number and it.channel in CHANNELS for it in person.contacts)
        ]
        return found[0] if len(found) == 1 else None

    async def _answered(self, sms: Heard, reply: Reply | None, person: Person | None) -> None:
        """Note that it is done, and owe the answer, unless there were too many."""
        answers = reply is not None and await self._may_answer(
            sms.sender, person, refused=reply.refused
        )
        now = self._desks.clock.utc_now()
        async with self._desks.database.transaction() as tx:
            if not await seen.first_time(tx, f"sms/{sms.sid}", now) or reply is None or not answers:
                return
            for key in _counted(sms.sender, person, refused=reply.refused):
                await seen.first_time(tx, f"{key}{sms.sid}", now)
            id = person.id if person else None
            letter = reply_letter(sms.sid, short(reply), id, sms.sender, self._desks.clock)
            await outbox.enqueue(tx, letter)

    async def _may_answer(self, number: str, person: Person | None, *, refused: bool) -> bool:
        since = self._desks.clock.utc_now() - HOUR
        async with self._desks.database.reading() as tx:
            for key, most in _counted(number, person, refused=refused).items():
                if await seen.count_since(tx, key, since) >= most:
                    log.warning("an SMS is not answered: too many in an hour", number=number)
                    return False
        return True

    # asking, where nothing is brought

    async def listen(self) -> None:
        """Ask for new SMS when somebody may have answered; invite numbers to be confirmed."""
        now = self._desks.clock.steady()
        if self._book.verify and now >= self._next_invitation:
            self._next_invitation = Steady(now + RARELY)
            await self._invite()
        if now < self._next_look:
            return
        standing = await self._open()
        if standing is None:
            return
        pace = max(standing.pace, RARELY if self.heard else 0.0)
        self._next_look = Steady(now + pace - 0.5)
        await self._look(standing.since)

    async def _look(self, since: datetime | None) -> None:
        now = self._desks.clock.utc_now()
        asked = await self._asked_since(since, now)
        try:
            inbox = await self._channel.inbox(asked)
        except (TryLater, Rejected) as word:
            if str(word) != self._trouble:
                log.warning("answers by SMS cannot be heard", reason=str(word))
            self._trouble = str(word)
            return
        self._trouble = ""
        for sms in inbox:
            late = sms.at < (since or now - HOUR) - SKEW
            if await self.hear(sms, late=late) and self.heard:
                self.heard = False  # it was not brought: asking is needed again
                self._next_look = Steady(0.0)

    async def _asked_since(self, since: datetime | None, now: datetime) -> datetime:
        """Return from when on SMS are of interest: the oldest page, or the oldest STOP."""
        waited = await self._book.waited_for()
        moments = [it.stopped_at or it.invited_at for it in waited]
        found = [at for at in (since, *moments) if at is not None]
        return max(min(found, default=now), now - LONGEST_AGO) - SKEW

    async def _open(self) -> Open | None:
        """Say what is open; None: nobody has anything to answer."""
        async with self._desks.database.reading() as tx:
            ringing = await phone_pages.oldest_open(tx, ringing=True)
            since = await phone_pages.oldest_open(tx, ringing=False)
        if ringing is not None:
            return Open(since=since, pace=TURN)
        waited = await self._book.waited_for()
        now = self._desks.clock.utc_now()
        fresh = any(it.invited_at and now - it.invited_at < HOUR for it in waited)
        if since is not None or waited:
            pace = TURN if fresh else SELDOM if since is not None else RARELY
            return Open(since=since, pace=pace)
        return None

    async def _invite(self) -> None:
        """Text a code to each new number; tell administrators who has not sent theirs back."""
        numbers = {
            point.address: person
            for person in self._desks.playbook().people.values()
            for point in person.contacts
            if point.channel == VIA
        }
        known, now = await self._book.of(list(numbers)), self._desks.clock.utc_now()
        waiting: list[str] = []
        for number, person in numbers.items():
            phone = known.get(number)
            if phone is not None and (phone.verified_at or phone.stopped_at):
                continue
            if phone is None or phone.invited_at is None:
                await self._book.invite(person.id, number)
            elif now - phone.invited_at > LASTING:
                waiting.append(person.name)
        if waiting:
            await self._tell_admins(waiting, now)

    async def _tell_admins(self, names: Collection[str], now: datetime) -> None:
        playbook = self._desks.playbook()
        words = trouble_message(
            "Phone numbers are not confirmed",
            f"{', '.join(names)}: only critical pages go there by SMS.\n"
            "`tocsin verify <person>` sends a new code; `channels.sms.verify` can ask for none.",
            playbook,
        )
        letters = trouble_letters(
            "phones/unconfirmed", words, playbook, avoid=VIA, now=now,
            steady=self._desks.clock.steady(),
        )  # fmt: skip
        async with self._desks.database.transaction() as tx:
            await outbox.enqueue_many(tx, letters)


NOT_CONFIRMED = (
    "This number is not confirmed yet. Send back the code from our first SMS; "
    "text verify for a new one."
)


def _counted(number: str, person: Person | None, *, refused: bool) -> dict[str, int]:
    """Return under which keys an answer is counted, and how many an hour each allows."""
    if person is None:
        return {
            f"sms-stranger/{number}/": MOST_TO_A_STRANGER,
            "sms-strangers/": MOST_TO_STRANGERS,
        }
    counted = {f"sms-reply/{number}/": MOST_REPLIES}
    if refused:
        counted[f"sms-refusal/{number}/"] = MOST_REFUSALS
    return counted


def _unfit(verb: str) -> str:
    """Say why a verb cannot be answered by SMS; empty where it can."""
    found = verbs().get(verb)
    if found is None:
        guess = nearest(verb, verbs()).capitalize()
        return f"I do not know {verb[:20]!r}. {guess}Text help for what I know."
    return f"{verb} is too long for an SMS; say it in chat." if found.slow else ""


def short(reply: Reply) -> str:
    """Write an answer for a phone: its lines, and the first rows of its table."""
    lines = [flat(line) for line in reply.text.splitlines() if line.strip()]
    head, *rows = list(reply.table) or [()]
    sign = "#" if head and head[0] == "#" else ""
    lines += [flat(sign + " ".join(filter(None, row))) for row in rows[:ROWS]]
    if len(rows) > ROWS:
        lines.append(f"and {len(rows) - ROWS} more")
    return "\n".join(lines).replace("`", "")
