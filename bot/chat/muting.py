"""Sentences that silence: matchers in front, then a duration, then a note."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from bot.chat.holds import read_hold
from bot.chat.identity import NotPermitted
from bot.chat.matchers import read_matchers
from bot.chat.times import read_time
from bot.chat.verb import Ask, Confirm, Reply
from bot.chat.wording import clock_time, listed
from routing.alerts.breadth import Breadth
from routing.delivery.words import shortened
from routing.flow.silence import SilenceDesk
from routing.playbook import SilenceLimits
from storage.model.labels import Matcher
from storage.model.person import Permission
from storage.model.silence import SilenceId

_WORD = re.compile(r"yes-[0-9a-f]{4}-[0-9]{1,9}")
MOST_MATCHERS, MOST_TEAMS, LONGEST_SAID = 20, 8, 1_900


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to be quiet.

    matchers: as typed.  hold: for how long.  until_resolved: `until resolved` was said.
    confirmed: the word that was shown, or `--yes`.  note: what is left.
    """

    matchers: tuple[Matcher, ...]
    hold: timedelta | None
    until_resolved: bool
    confirmed: str
    note: str


def read_wish(ask: Ask, now: datetime) -> Wish:
    """Read `team=shop job=~"api|web" 2h planned work`; raises ValueError, in words.

    now: by the speaker's clocks.
    """
    matchers, text = read_matchers(ask.note)
    if len(matchers) > MOST_MATCHERS:
        raise ValueError(f"found {len(matchers)} matchers; expected {MOST_MATCHERS} at most")
    words, hold = text.split(), ask.hold
    if hold is None:
        hold, words = read_hold(words)
    until_resolved = [word.lower() for word in words[:2]] == ["until", "resolved"]
    words = words[2:] if until_resolved else words
    if hold is None and not until_resolved and words and words[0].lower() == "until":
        until, words = read_time(words[1:], now, "until")
        hold = until.astimezone(UTC) - now.astimezone(UTC)
    confirmed = next((w for w in words if w == "--yes" or _WORD.fullmatch(w)), "")
    return Wish(
        matchers=tuple(matchers),
        hold=hold,
        until_resolved=until_resolved,
        confirmed=confirmed,
        note=" ".join(word for word in words if word != confirmed),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What would be hidden. covers: for each silence its matchers.  breadth: of all together.

    sentence: what was said, to be said again with the word that confirms it.
    """

    covers: Sequence[Sequence[Matcher]]
    breadth: Breadth
    sentence: str


def objection(ask: Ask, wish: Wish, planned: Planned, limits: SilenceLimits) -> Reply | None:
    """Say what speaks against it: that it is broad and nobody confirmed it.

    Raises NotPermitted where it is for administrators alone.
    """
    breadth = planned.breadth
    check_right(ask, breadth, limits)
    if not breadth.is_broad(limits) or _is_confirmed(ask, wish, planned, limits):
        return None
    everything = "everything that will ever fire; now " if breadth.asks_nothing else ""
    teams = f" ({_some(breadth.teams)})" if breadth.teams else ""
    question = f"This hides {everything}{breadth}{teams}."
    # A sentence is heard up to a length, and the word must still be in it.
    sentence = (
        f"{shortened(planned.sentence, LONGEST_SAID)} {_word(ask, planned)}-{len(breadth.alerts)}"
    )
    return Reply(
        f"{question} To do it, say `{sentence}`.",
        refused=True,
        confirm=Confirm(
            question=question, sentence=sentence, label=f"Hide {breadth.alerts_counted}"
        ),
    )


def check_right(ask: Ask, breadth: Breadth, limits: SilenceLimits) -> None:
    """Raise NotPermitted where what hides so much is for administrators alone."""
    if breadth.is_widest(limits) and not ask.person.may(Permission.ADMIN):
        raise NotPermitted(
            f"this hides {breadth} of {breadth.total} that fire, and whatever else it covers, "
            "which needs the permission `admin`; name more labels"
        )


def _is_confirmed(ask: Ask, wish: Wish, planned: Planned, limits: SilenceLimits) -> bool:
    """Say whether the word was said that was shown, and what it was shown for is still so.

    The count was part of it: where far more would be hidden now, it is asked again.
    """
    if wish.confirmed == "--yes":
        return ask.via in ("cli", "console")
    word, _, count = wish.confirmed.rpartition("-")
    if word != _word(ask, planned):
        return False
    return len(planned.breadth.alerts) <= max(2 * int(count), limits.confirm)


def _some(teams: Sequence[str]) -> str:
    more = len(teams) - MOST_TEAMS
    return ", ".join([*teams[:MOST_TEAMS], *([f"and {more} more"] if more > 0 else [])])


def _word(ask: Ask, planned: Planned) -> str:
    """Return the word that confirms this wish of this person, and no other."""
    covers = sorted("\1".join(sorted(map(str, some))) for some in planned.covers)
    what = "\0".join([ask.person.id, *covers])
    return f"yes-{blake2b(what.encode(errors='replace'), digest_size=2).hexdigest()}"


def read_numbers(words: Sequence[str]) -> list[SilenceId]:
    """Read `3 4`, `#3,#4`; empty where anything else was said."""
    numbers = [part.lstrip("#") for word in words for part in word.split(",") if part]
    if not all(number.isascii() and number.isdigit() for number in numbers):
        return []
    return [SilenceId(int(number[:18])) for number in dict.fromkeys(numbers)]


async def expire(ask: Ask, desk: SilenceDesk, words: Sequence[str]) -> Reply:
    """End silences and windows now, all of them or none."""
    ids = read_numbers(words)
    if not ids:
        return Reply(
            f"Which one? `{ask.verb} list` shows them; `{ask.verb} expire 3` ends number 3.",
            refused=True,
        )
    ended = await desk.expire_many(ids, actor=ask.person.id, via=ask.via)
    named = listed([f"{it.kind} {it.id}" for it in ended])
    are, it = ("is", "it") if len(ended) == 1 else ("are", "they")
    return Reply(
        f"{named[:1].upper()}{named[1:]} {are} over; what {it} hid and fires still is told now."
    )


async def extend(ask: Ask, desk: SilenceDesk, words: list[str]) -> Reply:
    """Let a silence or a window last longer: `3 2h`, `3 by 2 hours`."""
    ids = read_numbers(words[:1])
    if len(ids) != 1:
        return Reply(
            f"Which one, and by how much? `{ask.verb} list` shows them; `{ask.verb} extend 3 2h` "
            "lets number 3 last 2 h longer.",
            refused=True,
        )
    rest = ["for", *words[2:]] if words[1:2] == ["by"] else words[1:]
    by = read_hold(rest)[0] if ask.hold is None else ask.hold
    if by is None or by <= timedelta(0):
        return Reply(f"By how much? Say `{ask.verb} extend {ids[0]} 2h`.", refused=True)
    # What only an administrator may hide, nobody else hides for longer.
    before = await desk.get(ids[0])
    check_right(ask, await desk.breadth(before.matchers), desk.playbook().limits)
    after = await desk.extend(ids[0], by, actor=ask.person.id, via=ask.via)
    end = clock_time(after.ends_at, desk.clock.utc_now()) if after.ends_at else "ever"
    return Reply(f"{after.kind.capitalize()} {after.id} lasts until {end}.")
