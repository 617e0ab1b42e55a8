"""What a source tells under its own keys is taken in the order in which it came."""

import asyncio
from collections.abc import Sequence

from routing.flow.hear import Hearing
from routing.flow.receive import Receiver
from storage.model.alert import Alert
from storage.model.incident import Status
from tests.routing.town import Town, alert, resolved


class Slow:
    """A look-up that keeps the first alert waiting until it is let go."""

    def __init__(self) -> None:
        self.asked, self.answer = asyncio.Event(), asyncio.Event()

    async def __call__(self, alerts: Sequence[Alert]) -> Sequence[Alert]:
        if any(it.is_firing for it in alerts) and not self.asked.is_set():
            self.asked.set()
            await self.answer.wait()
        return alerts


def hearing(here: Town, slow: Slow) -> Hearing:
    parts = (here.database, here.clock, here.playbook)
    return Hearing(*parts, Receiver(*parts, here.wake, slow), here.desk)


async def test_an_end_does_not_overtake_its_beginning(here: Town) -> None:
    slow = Slow()
    desk = hearing(here, slow)
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.alerts("pd", [], {"disk": alert("DiskFull")}, ()))
        await slow.asked.wait()
        group.create_task(desk.alerts("pd", [], {}, ("disk",)))
        await asyncio.wait_for(desk.alerts("pd", [], {"cpu": alert("CpuHigh")}, ()), 10)
        slow.answer.set()
    assert [it.title for it in await here.open_incidents()] == ["CpuHigh"]
    assert (await here.incident(2)).status is Status.RESOLVED


async def test_another_severity_under_the_same_key_ends_the_one_before(here: Town) -> None:
    slow = Slow()
    desk = hearing(here, slow)
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.alerts("pd", [], {"disk": alert("DiskFull")}, ()))
        await slow.asked.wait()
        milder = alert("DiskFull", severity="warning")
        group.create_task(desk.alerts("pd", [], {"disk": milder}, ()))
        slow.answer.set()
    assert (await here.incident()).firing == 1


async def test_who_took_it_over_there_is_heard_in_its_turn(here: Town) -> None:
    slow = Slow()
    desk = hearing(here, slow)
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.alerts("pd", [], {"disk": alert("DiskFull")}, ()))
        await slow.asked.wait()
        group.create_task(desk.taken_up("pd", ("disk",)))
        slow.answer.set()
    assert (await here.incident()).status is Status.ACKNOWLEDGED


async def test_without_a_key_it_is_taken_in_its_order_too(here: Town) -> None:
    slow = Slow()
    receiver = Receiver(here.database, here.clock, here.playbook, here.wake, slow)
    async with asyncio.TaskGroup() as group:
        group.create_task(receiver.receive([alert("DiskFull")]))
        await slow.asked.wait()
        group.create_task(receiver.receive([resolved(alert("DiskFull"))]))
        await asyncio.wait_for(receiver.receive([alert("CpuHigh")]), 10)
        slow.answer.set()
    assert [it.title for it in await here.open_incidents()] == ["CpuHigh"]
    assert (await here.incident(2)).status is Status.RESOLVED
