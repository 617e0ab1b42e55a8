"""Who left Slack, and which room was archived, is told before the night that needs them.

What the doctor asks of Slack is asked again every hour; what is broken goes to the administrators
by the usual way for trouble of Tocsin's own: once a day for each fault.
"""

from collections.abc import Callable

import structlog

from bot.config.config import Config
from bot.logs import REDACTOR
from routing.delivery.compose import trouble_message
from routing.delivery.letters import trouble_letters
from routing.finding import Finding, Group, Verdict
from routing.flow.current import Current
from routing.flow.wake import Wake
from routing.playbook import Playbook
from storage.clock import Clock
from storage.sql import outbox
from storage.sql.database import Database

log = structlog.get_logger(__name__)

PACE = 3600.0
"""Seconds between two calls of the roll."""
FIRST = 60.0
"""Seconds after a start before which none is called: one that starts again and again asks none."""


class RollCall:
    """Asks Slack about rooms, people and tokens of the configuration in force.

    config: returns it, as the last reload left it.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        database: Database,
        clock: Clock,
        playbook: Current[Playbook],
        wake: Wake,
    ) -> None:
        self._config, self._database, self._clock = config, database, clock
        self._playbook, self._wake = playbook, wake
        self._since = clock.steady()

    async def call(self) -> int:
        """Tell administrators what is broken; return how many faults there are.

        That Slack does not answer is no fault of this kind: it is seen when a message goes.
        """
        if self._clock.steady() - self._since < FIRST:
            return 0
        from bot.doctor.check import Patient
        from bot.doctor.checks.slack import AWAY, CHECK

        patient = Patient(config=self._config(), clock=self._clock)
        try:
            found = [finding async for finding in CHECK.examine(patient, Group(CHECK.name))]
        except Exception as error:  # a Slack that answers oddly must not make us unready
            log.warning("the roll could not be called", reason=type(error).__name__)
            return 0
        faults = [it for it in found if it.verdict is Verdict.FAULT and it.advice != AWAY]
        await self._tell(faults)
        return len(faults)

    async def _tell(self, faults: list[Finding]) -> None:
        if not faults:
            return
        playbook, now, letters = self._playbook(), self._clock.utc_now(), []
        for fault in faults:
            text = REDACTOR.clean(f"{fault.text}\n{fault.advice}")
            letters += trouble_letters(
                f"roll call/{text}",
                trouble_message("Somebody may not be reached by slack", text, playbook),
                playbook,
                avoid="slack",
                now=now,
                steady=self._clock.steady(),
            )
        async with self._database.transaction() as tx:
            await outbox.enqueue_many(tx, letters)
        self._wake.sender.set()
