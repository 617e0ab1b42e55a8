"""What all rules remember: in memory as it is in the database, changed together with the alerts."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from routing.rules.lifecycle import Now, RuleState
from routing.rules.memory import from_json, to_json
from routing.rules.rule import Rule, family_of
from routing.rules.verdict import Moved, States, ended, without_twins
from storage.errors import StaleIncident
from storage.model.alert import Alert
from storage.model.audit import AuditRow
from storage.model.labels import Fingerprint
from storage.sql import audit, rule_states
from storage.sql.database import Database

log = structlog.get_logger()

AT_ONCE: Final = 200
"""States that are written down in one step: some milliseconds."""

Also = Callable[[AsyncConnection], Awaitable[None]]
Moves = Sequence[tuple[str, Moved]]


class Door(Protocol):
    """Where alerts go in: `routing.flow.receive.Receiver`."""

    async def receive(self, alerts: Sequence[Alert], *, also: Also | None = None) -> None:
        """Take alerts and run `also` in one transaction; raises StorageUnavailable."""
        ...


class Memory:
    """The states of all rules. They move on only when the transaction that tells it succeeded."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._states: dict[str, dict[Fingerprint, RuleState]] = {}
        self._held: Counter[Fingerprint] = Counter()
        self._turn = asyncio.Lock()

    async def load(self, database: Database) -> None:
        """Read all states; a row that cannot be read is logged and left alone."""
        async with database.reading() as tx:
            rows = await rule_states.load_all(tx)
        for rule, fingerprint, text in rows:
            try:
                self._put(rule, Fingerprint(fingerprint), from_json(text))
            except ValueError as error:
                log.exception("rule state unreadable", rule=rule, reason=str(error))

    def of(self, rule: str) -> States:
        """Return what a rule remembers, by the fingerprint of the series."""
        return self._states.get(rule, {})

    def rules(self) -> tuple[str, ...]:
        """Return the keys of the rules that remember anything."""
        return tuple(rule for rule, states in self._states.items() if states)

    async def commit(
        self, moves: Moves, alerts: Sequence[Alert], notes: Sequence[AuditRow] = ()
    ) -> None:
        """Tell `alerts` and write states and `notes` in one transaction, then remember them.

        Raises StorageUnavailable, or StaleIncident where a state moved meanwhile: then nothing
        has moved.
        """
        async with self._turn:
            if any(self.of(rule).get(move.fingerprint) is not move.before for rule, move in moves):
                raise StaleIncident("the rules changed while they were judged; judge again")
            ends = [
                move.before.alert.fingerprint
                for _, move in moves
                if move.before and move.before.alert and move.after is None
            ]
            told = without_twins(alerts, ends, self._held)
            saves, drops = await _rows(moves)
            if told or saves or drops or notes:

                async def also(tx: AsyncConnection) -> None:
                    await rule_states.delete_many(tx, drops)
                    await rule_states.save_many(tx, saves)
                    await audit.append_many(tx, notes)

                await self._door.receive(told, also=also)
            for rule, move in moves:
                self._put(rule, move.fingerprint, move.after)

    async def adopt(self, rules: Iterable[Rule], own: frozenset[str], now: Now) -> None:
        """Fit what is remembered to the rules in force; `own` keys are nobody's rules.

        A rule of which only the expression was edited goes on where it stood. The alerts of a
        rule that is gone end, and say why.
        """
        known = {rule.key: rule for rule in rules}
        heirs = {rule.family: rule.key for rule in known.values() if not rule.records}
        left = [rule for rule in self.rules() if rule not in known and rule not in own]
        moves: list[tuple[str, Moved]] = []
        alerts: list[Alert] = []
        for rule in left:
            for fingerprint, state in self.of(rule).items():
                moves.append((rule, _moved(fingerprint, state, None)))
                heir = heirs.get(family_of(rule))
                if heir is not None and fingerprint not in self.of(heir):
                    moves.append((heir, _moved(fingerprint, None, state)))
                elif state.alert is not None:
                    reason = f"the rule {state.alert.name!r} is no longer in the configuration"
                    alerts.append(ended(state.alert, reason, now))
        if moves:
            await self.commit(moves, alerts)

    def _put(self, rule: str, fingerprint: Fingerprint, state: RuleState | None) -> None:
        states = self._states.setdefault(rule, {})
        before = states.pop(fingerprint, None)
        if before is not None and before.alert is not None:
            self._held[before.alert.fingerprint] -= 1
        if state is not None:
            states[fingerprint] = state
            if state.alert is not None:
                self._held[state.alert.fingerprint] += 1


def _moved(fingerprint: Fingerprint, before: RuleState | None, after: RuleState | None) -> Moved:
    return Moved(fingerprint=fingerprint, before=before, after=after, change=None)


async def _rows(moves: Moves) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
    """Return the rows to write and those to delete."""
    saves, drops = [], []
    for number, (rule, move) in enumerate(moves):
        if number % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(0)  # let others have their turn
        if move.after is None:
            drops.append((rule, str(move.fingerprint)))
        elif move.matters:
            saves.append((rule, str(move.fingerprint), to_json(move.after)))
    return saves, drops
