"""Whom the alerts of a backtest would have paged, by the playbook in force."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from routing.alerts.route import GroupKey, branches_of
from routing.oncall.expand import Roster
from routing.playbook import CHAT
from routing.rules.backtest import Episode
from routing.rules.rule import Rule
from routing.rules.template import Row, Wanted
from routing.rules.verdict import worded
from storage.model.alert import Severity
from storage.model.labels import Labels

NOT_ASKED = "a backtest asks no queries of templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldPage:
    """What one policy would have done with alerts of one severity.

    times:  how often its first step would have been taken: alerts that travel together count once.
    people: names of those whom the first step asks, as the lists stand now.
    ways:   channels (or `chat`) by which they are asked.
    """

    policy: str
    severity: Severity
    times: int
    people: tuple[str, ...]
    ways: tuple[str, ...]


def would_page(
    rule: Rule, episodes: Sequence[Episode], roster: Roster, until: datetime
) -> tuple[WouldPage, ...]:
    """Say whom the episodes would have paged, the most often first."""
    groups: dict[tuple[GroupKey, Severity], list[Episode]] = {}
    for episode in episodes:
        labels = alert_labels(rule, episode)
        severity = Severity.read(labels.get("severity"))
        for way in branches_of(labels, roster.playbook):
            groups.setdefault((way.key, severity), []).append(episode)
    times: dict[tuple[str, Severity], int] = {}
    for (group, severity), found in groups.items():
        key = (group.policy, severity)
        times[key] = times.get(key, 0) + _apart(found, until)
    told = [_told(policy, severity, n, roster) for (policy, severity), n in times.items()]
    return tuple(sorted(told, key=lambda page: (-page.times, page.policy, page.severity.rank)))


def alert_labels(rule: Rule, episode: Episode) -> Labels:
    """Return the labels that the alert would have had."""
    answers: dict[str, Sequence[Row] | str] = {}
    while True:
        try:
            return worded(rule, episode.series, episode.first, answers)[0]
        except Wanted as wanted:
            answers[wanted.query] = NOT_ASKED


def _apart(episodes: Iterable[Episode], until: datetime) -> int:
    """Count the stretches of time in which any of them fires."""
    count, end = 0, None
    for episode in sorted(episodes, key=lambda e: e.start):
        if end is None or episode.start > end:
            count += 1
        last = episode.end or until
        end = last if end is None else max(end, last)
    return count


def _told(policy: str, severity: Severity, times: int, roster: Roster) -> WouldPage:
    playbook = roster.playbook
    known = playbook.policies.get(policy)
    if known is None or not known.steps:
        return WouldPage(policy=policy, severity=severity, times=times, people=(), ways=())
    first = known.steps[0]
    asked = [person for target in first.targets for person in roster.people_of(target)[:1]]
    chosen = tuple(first.by) or tuple(playbook.by_severity.get(severity, (CHAT,)))
    chat = {CHAT, *playbook.chat}
    return WouldPage(
        policy=policy,
        severity=severity,
        times=times,
        people=tuple(playbook.people[person].name for person in dict.fromkeys(asked)),
        ways=chosen if severity.escalates else tuple(way for way in chosen if way in chat),
    )
