"""`verify`: a phone number is confirmed by the code that was texted to it."""

from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import name_of
from routing.flow.desks import Desks
from routing.flow.phones import PhoneBook
from storage.errors import unknown_name
from storage.model.person import Permission, Person, PersonId
from storage.sql import audit

SMS = "sms"


async def run(ask: Ask, desks: Desks) -> Reply:
    """`verify`: text me a code; `verify 123456`: this is it; `verify ada`: text her one."""
    person = ask.person
    if ask.words:
        named = PersonId(ask.words[0].lower().lstrip("@"))
        people = desks.playbook().people
        if named not in people:
            raise unknown_name("verify", "person", named, people)
        if named != person.id and not person.may(Permission.ADMIN):
            return Reply("Only administrators let others confirm their number.", refused=True)
        person = people[named]
    number = next((it.address for it in person.contacts if it.channel == SMS), "")
    if not number:
        return Reply(f"{person.name} has no phone number for SMS.", refused=True)
    book = PhoneBook(desks.database, desks.clock)
    if ask.incidents:
        return await _confirmed(ask, desks, book, number)
    return await _invited(person, desks, book, number)


async def _confirmed(ask: Ask, desks: Desks, book: PhoneBook, number: str) -> Reply:
    refusal = await book.confirm(number, str(ask.incidents[0]))
    told = f"not confirmed: {refusal}" if refusal else "confirmed"
    async with desks.database.transaction() as tx:
        await audit.append(
            tx,
            incident=None,
            at=desks.clock.utc_now(),
            actor=ask.person.id,
            via=ask.via,
            what="phone",
            because=f"{number} {told}",
        )
    if refusal:
        return Reply(f"{number} is not confirmed: {refusal}.", refused=True)
    return Reply(f"{number} is confirmed: it is paged from now on.")


async def _invited(person: Person, desks: Desks, book: PhoneBook, number: str) -> Reply:
    name = name_of(person.id, desks.playbook().people)
    phone = await book.get(number)
    if phone.stopped_at is not None:
        return Reply(f"{name} texted STOP; they text START to Tocsin's number first.", refused=True)
    if not await book.invite(person.id, number):
        return Reply(f"A code went to {number} a moment ago; wait a minute.", refused=True)
    return Reply(f"A code goes to {number}. {name} sends it back by SMS, or says `verify <code>`.")


VERB = Verb(
    name="verify",
    usage="verify [code | person]",
    summary="confirm a phone number: a code is texted to it and sent back",
    needs=Permission.RESPOND,
    run=run,
)
