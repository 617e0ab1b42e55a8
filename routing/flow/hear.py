"""What other systems tell becomes alerts, answers and changes; by their own names for it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from routing.flow.act import IncidentDesk
from routing.flow.current import Current
from routing.flow.in_turn import InTurn
from routing.flow.receive import Also, Receiver
from routing.incidents.events import Acknowledge
from routing.playbook import Playbook
from storage.clock import Clock
from storage.model.alert import Alert
from storage.model.change import Change
from storage.model.labels import Labels
from storage.model.person import PersonId
from storage.sql import alerts as alert_rows
from storage.sql import changes, keyed
from storage.sql.database import Database

Known = Mapping[str, Labels]


class Hearing:
    """Takes what a source tells. When a call returns, all of it is on disk."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        playbook: Current[Playbook],
        receiver: Receiver,
        incidents: IncidentDesk,
    ) -> None:
        self._database, self._clock, self._playbook = database, clock, playbook
        self._receiver, self._incidents = receiver, incidents
        self._turns = InTurn()

    async def alerts(
        self,
        source: str,
        alerts: Sequence[Alert],
        told: Mapping[str, Alert],
        over: Collection[str],
    ) -> None:
        """Take alerts told by their labels, `told` under the source's keys, and keys that are over.

        Under one key there is one alert: told again with other labels, the old one has ended. What
        is told under it is taken in its order: an end would be lost that overtook its beginning.
        Raises StorageUnavailable: then nothing was taken.
        """
        keys = {*told, *over}
        async with self._turns.of([_turn(source, key) for key in keys]):
            known = await self._known(source, keys)
            now = self._clock.utc_now()
            ended = [
                Alert(labels=labels, starts_at=now, source=source).resolved_at(now)
                for key, labels in known.items()
                if key in over or told[key].labels != labels
            ]
            every = [*ended, *alerts, *told.values()]
            await self._receiver.receive(every, also=self._noting(source, told, over, known))

    def _noting(
        self, source: str, told: Mapping[str, Alert], over: Collection[str], known: Known
    ) -> Also | None:
        """Return what keeps the keys, in the transaction of the alerts; None: they stay."""
        new = {key: it.labels for key, it in told.items() if known.get(key) != it.labels}
        gone = [key for key in over if key in known]
        if not new and not gone:
            return None

        async def note(tx: AsyncConnection) -> None:
            await keyed.forget(tx, source, gone)
            await keyed.remember(tx, source, new, self._clock.utc_now())

        return note

    async def _known(self, source: str, keys: Collection[str]) -> Known:
        if not keys:
            return {}
        async with self._database.reading() as tx:
            return await keyed.labels_of(tx, source, keys)

    async def taken_up(self, source: str, keys: Collection[str]) -> None:
        """Acknowledge what stands under these keys: somebody did, over there.

        A key that is not known, or an incident that cannot be acknowledged now, changes nothing.
        """
        async with self._turns.of([_turn(source, key) for key in keys]):
            labels = (await self._known(source, keys)).values()
        if not labels:
            return
        async with self._database.reading() as tx:
            held = await alert_rows.holders(tx, [it.fingerprint for it in labels])
        ids = sorted({it.incident for some in held.values() for it in some if it.alert.is_firing})
        by = Acknowledge(PersonId(source))
        await self._incidents.apply_many(ids, by, actor=source, via=source)

    async def changes(self, told: Sequence[Change]) -> None:
        """Keep changes, each under its service's own name; of those of one key the last."""
        if not told:
            return
        catalogue = self._playbook().catalogue
        named = [replace(it, service=catalogue.named(it.service)) for it in told]
        async with self._database.transaction() as tx:
            await changes.upsert_many(tx, named)


def _turn(source: str, key: str) -> str:
    return f"{source}\0{key}"
