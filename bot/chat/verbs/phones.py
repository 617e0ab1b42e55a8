"""`phones`: whose number is confirmed, and who texted STOP."""

from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import clock_time
from routing.flow.desks import Desks
from routing.flow.phones import PhoneBook
from storage.model.person import Permission
from storage.model.phone import Phone

SMS = "sms"


async def run(ask: Ask, desks: Desks) -> Reply:
    """`phones`: the numbers that SMS go to, and how they stand; others' for administrators."""
    people, now = desks.playbook().people, desks.clock.utc_now()
    numbers = {
        person.id: point.address
        for person in people.values()
        for point in person.contacts
        if point.channel == SMS and (person.id == ask.person.id or ask.person.may(Permission.ADMIN))
    }
    if not numbers:
        return Reply("You have no phone number for SMS.")
    known = await PhoneBook(desks.database, desks.clock).of(list(numbers.values()))

    def standing(phone: Phone) -> str:
        if phone.stopped_at is not None:
            return f"texted STOP at {clock_time(phone.stopped_at, now)}: gets no SMS"
        if phone.verified_at is not None:
            return "confirmed"
        if phone.invited_at is not None:
            return f"not confirmed; asked at {clock_time(phone.invited_at, now)}"
        return "not confirmed"

    rows = [
        (people[id].name, number, standing(known.get(number, Phone(number=number))))
        for id, number in numbers.items()
    ]
    count = "1 number" if len(rows) == 1 else f"{len(rows)} numbers"
    return Reply(f"{count}.", table=(("who", "number", "stands"), *rows))


VERB = Verb(
    name="phones",
    usage="phones",
    summary="whether your phone number is confirmed, or you texted STOP; for administrators: all",
    needs=Permission.VIEW,
    run=run,
)
