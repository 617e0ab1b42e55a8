"""`heartbeats`: who is expected to call, and when each last did."""

from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import clock_time
from routing.flow.desks import Desks
from routing.heartbeats import FAILED, expected_words
from storage.model.heartbeat import Pulse
from storage.model.person import Permission
from storage.sql import heartbeats

HEAD = ("heartbeat", "state", "last well", "expected")
STATES = {"": "well", FAILED: "failed"}


async def run(ask: Ask, desks: Desks) -> Reply:
    """Show every heartbeat, those in trouble first."""
    del ask
    known, now = desks.playbook().heartbeats, desks.clock.utc_now()
    if not known:
        return Reply("No heartbeats are configured; docs/heartbeats.md says how.")
    async with desks.database.reading() as tx:
        pulses = await heartbeats.load_all(tx)
    rows = []
    for name, heartbeat in known.items():
        pulse = pulses.get(name)
        heard = clock_time(pulse.heard_at, now) if pulse and pulse.heard_at else "never"
        rows.append((name, _state(pulse), heard, expected_words(heartbeat)))
    rows.sort(key=lambda row: (row[1] in ("well", "new"), row[0]))
    return Reply("Heartbeats:", table=(HEAD, *rows))


def _state(pulse: Pulse | None) -> str:
    if pulse is None or (pulse.heard_at is None and not pulse.alarmed):
        return "new"
    return STATES.get(pulse.alarmed.get("alertname"), "missed")


VERB = Verb(
    name="heartbeats",
    usage="heartbeats",
    summary="who is expected to call, and when each last did",
    needs=Permission.VIEW,
    run=run,
)
