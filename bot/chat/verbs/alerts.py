"""`alerts`: what is open."""

from collections import Counter
from collections.abc import Mapping

from bot.chat.verb import Ask, Reply, Verb
from bot.chat.wording import ago, listed, standing
from routing.flow.desks import Desks
from storage.model.alert import Severity
from storage.model.incident import Status
from storage.model.person import Permission
from storage.sql import incidents, tracing
from storage.sql import standing as alert_rows

SHORT, LONG = 15, 100

HEAD = ("#", "severity", "stands", "title", "began")


async def run(ask: Ask, desks: Desks) -> Reply:
    """`alerts`: the most urgent open incidents; `alerts all`: a longer list of them."""
    wants_all = ask.words[:1] in (("all",), ("ALL",))
    if ask.words and not wants_all:
        return Reply(
            f"I do not know `alerts {ask.note[:40]}`; say `alerts` or `alerts all`.", refused=True
        )
    async with desks.database.reading() as tx:
        kinds = await incidents.open_by_kind(tx)
        shown = await incidents.most_urgent(tx, LONG if wants_all else SHORT)
        unheard = await alert_rows.count_unheard(tx)
        quiet, _ = await tracing.quiet_incidents(tx, 0)
    kept = f"{_unheard(unheard)}{_quiet(quiet)}"
    if not shown:
        return Reply(f"No open incidents.{kept}")
    people, now = desks.playbook().people, desks.clock.utc_now()
    rows = [
        (
            str(incident.id),
            incident.severity.value,
            standing(incident, people, now),
            incident.title,
            ago(incident.opened_at, now),
        )
        for incident in shown
    ]
    headline = _headline(kinds, len(shown), wants_all)
    return Reply(f"{headline}{kept}", table=(HEAD, *rows))


def _unheard(count: int) -> str:
    """Say how much fires that is kept quiet: what nobody hears of must not be forgotten."""
    if not count:
        return ""
    it = "alert fires" if count == 1 else "alerts fire"
    return f"\n{count} {it} unheard: silenced, hidden by others, or in a quiet time."


def _quiet(count: int) -> str:
    """Say how many incidents are quiet because somebody ended them while they fire."""
    if not count:
        return ""
    it = "incident fires" if count == 1 else "incidents fire"
    return f"\n{count} {it} still that people resolved; `why` names them."


def _headline(kinds: Mapping[tuple[Status, Severity], int], shown: int, wants_all: bool) -> str:
    by_severity: Counter[Severity] = Counter()
    for (_, severity), number in kinds.items():
        by_severity[severity] += number
    count = by_severity.total()
    parts = [f"{by_severity[s]} {s}" for s in Severity if by_severity[s]]
    noun = "incident" if count == 1 else "incidents"
    text = f"{count} open {noun}: {listed(parts)}."
    if shown == count:
        return text
    more = "" if wants_all else "; `alerts all` shows more"
    return f"{text} The {shown} most urgent{more}:"


VERB = Verb(
    name="alerts",
    usage="alerts [all]",
    summary="what is open, the most urgent first",
    needs=Permission.VIEW,
    run=run,
)
