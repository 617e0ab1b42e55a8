"""A policy as JSON text: the copy that an incident carries. Durations are seconds."""

import json
from datetime import timedelta
from functools import lru_cache
from typing import Any

from storage.model.flaps import NEVER, Flapping
from storage.model.policy import Policy, Room, Step, Target, TargetKind

WAITS = (
    *("group_wait", "group_interval", "ack_timeout"),
    *("repeat_after", "repeat_interval", "reopen_within"),
)


@lru_cache(maxsize=1_024)
def encode(policy: Policy) -> str:
    """Write `policy` as JSON.

    >>> decode(encode(Policy(name="night", steps=()))).name
    'night'
    """
    document: dict[str, Any] = {
        "name": policy.name,
        "steps": [_step_out(step) for step in policy.steps],
        "rooms": [[room.channel, room.address] for room in policy.rooms],
    }
    document |= {wait: getattr(policy, wait).total_seconds() for wait in WAITS}
    if policy.flapping != NEVER:
        rule = policy.flapping
        waits = (rule.within.total_seconds(), rule.calm.total_seconds())
        document["flapping"] = [rule.times, *waits]
    return json.dumps(document, separators=(",", ":"))


@lru_cache(maxsize=1_024)
def decode(text: str) -> Policy:
    """Read what `encode` wrote; a wait that an older version did not know has its default."""
    document = json.loads(text)
    return Policy(
        name=document["name"],
        steps=tuple(_step_in(step) for step in document["steps"]),
        rooms=tuple(Room(channel=c, address=a) for c, a in document["rooms"]),
        flapping=_flapping_in(document.get("flapping")),
        **{wait: timedelta(seconds=document[wait]) for wait in WAITS if wait in document},
    )


def _flapping_in(rule: list[float] | None) -> Flapping:
    if rule is None:
        return NEVER
    times, within, calm = rule
    return Flapping(
        times=int(times), within=timedelta(seconds=within), calm=timedelta(seconds=calm)
    )


def _step_out(step: Step) -> dict[str, Any]:
    return {
        "after": step.after.total_seconds(),
        "targets": [[target.kind.value, target.name] for target in step.targets],
        "by": list(step.by),
    }


def _step_in(step: dict[str, Any]) -> Step:
    return Step(
        after=timedelta(seconds=step["after"]),
        targets=tuple(Target(kind=TargetKind(k), name=n) for k, n in step["targets"]),
        by=tuple(step["by"]),
    )
