"""How often Slack lets an app call: tiers a method, and one message a second a channel."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PER_CHANNEL = frozenset({"chat.postMessage"})
TIER: dict[str, int] = {
    "apps.connections.open": 50,
    "auth.test": 300,
    "chat.delete": 50,
    "chat.getPermalink": 300,
    "chat.postEphemeral": 100,
    "chat.update": 50,
    "conversations.history": 50,
    "conversations.info": 50,
    "conversations.list": 20,
    "conversations.open": 50,
    "conversations.replies": 50,
    "files.completeUploadExternal": 100,
    "files.getUploadURLExternal": 100,
    "reactions.add": 50,
    "users.info": 100,
    "users.list": 20,
    "users.lookupByEmail": 50,
    "views.open": 100,
    "views.publish": 100,
    "views.update": 100,
}
"""Calls a minute, from the tier that each method's reference page names (2: 20, 3: 50, 4: 100)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`a_minute` in the long run, `burst` at once."""

    a_minute: float
    burst: float


@dataclass(slots=True, kw_only=True)
class Limits:
    """What the workspace allows; every number can be changed while it runs.

    posts:     chat.postMessage in one channel: one a second, a short burst tolerated.
    workspace: chat.postMessage in all channels together ("several hundred a minute").
    methods:   calls a minute of every other method; a minute's worth may come at once.
    text, update_text: characters; above them a call is refused with msg_too_long.
    """

    enforced: bool = True
    posts: Rate = Rate(a_minute=60, burst=4)
    workspace: Rate = Rate(a_minute=300, burst=60)
    methods: dict[str, int] = field(default_factory=lambda: dict(TIER))
    text: int = 40_000
    update_text: int = 4_000


@dataclass(slots=True)
class _Bucket:
    rate: Rate
    tokens: float
    at: float


class Meter:
    """Counts calls against the limits."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def wait(self, method: str, channel: str) -> int:
        """Count one call; return 0, or the whole seconds to wait when it is one too many."""
        if not self._limits.enforced:
            return 0
        if method in PER_CHANNEL:
            wanted = [
                ((method, channel), self._limits.posts),
                ((method, ""), self._limits.workspace),
            ]
        elif method in self._limits.methods:
            tier = self._limits.methods[method]
            wanted = [((method, ""), Rate(a_minute=tier, burst=tier))]
        else:
            return 0
        buckets = [self._filled(key, rate) for key, rate in wanted]
        short = max((1 - b.tokens) / b.rate.a_minute * 60 for b in buckets)
        if short > 1e-9:
            return max(1, math.ceil(short))
        for bucket in buckets:
            bucket.tokens -= 1
        return 0

    def _filled(self, key: tuple[str, str], rate: Rate) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[key] = _Bucket(rate, rate.burst, now)
        grown = bucket.tokens + (now - bucket.at) * rate.a_minute / 60
        bucket.tokens, bucket.at = min(rate.burst, grown), now
        return bucket
