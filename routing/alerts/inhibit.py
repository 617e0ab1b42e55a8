"""A louder alert hides a quieter one: which firing alerts hide others, and which are hidden."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from routing.alerts.guarded import names_exactly
from storage.model.alert import Alert
from storage.model.labels import Fingerprint, Matcher
from storage.model.silence import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class InhibitRule:
    """While an alert that satisfies `source` fires, those that satisfy `target` are not heard.

    equal: only those that agree with it in these labels; one that both lack counts as equal.
    """

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    def __str__(self) -> str:
        hides, hidden = (", ".join(map(str, some)) for some in (self.source, self.target))
        return f"{hides} -> {hidden} ({', '.join(self.equal)})"


@lru_cache(maxsize=256)
def _named(rule: InhibitRule) -> bytes:
    return str(rule).encode(errors="surrogatepass")


def rules_key(rules: Sequence[InhibitRule]) -> str:
    """Name these rules, so that a change of them is noticed."""
    digest = blake2b(digest_size=16)
    for rule in rules:
        digest.update(_named(rule) + b"\0")
    return digest.hexdigest()


def sides_of(alert: Alert, rules: Sequence[InhibitRule]) -> list[Side]:
    """Return the parts that a firing alert has in the inhibitions of `rules`; over: none."""
    if not alert.is_firing:
        return []
    found = []
    for rule in rules:
        source = all(matcher.matches(alert.labels) for matcher in rule.source)
        target = all(matcher.matches(alert.labels) for matcher in rule.target)
        target = target and names_exactly(rule.target, alert.labels)
        if source or target:
            key = _key(rule, alert)
            found.append(Side(key=key, fingerprint=alert.fingerprint, source=source, target=target))
    return found


def _key(rule: InhibitRule, alert: Alert) -> str:
    digest = blake2b(_named(rule), digest_size=16)
    for name in rule.equal:
        value = alert.labels.get(name).encode(errors="surrogatepass")
        digest.update(b"\0%d:" % len(value) + value)
    return digest.hexdigest()


def hidden_by(sides: Iterable[Side], sources: Mapping[str, Sequence[Side]]) -> Fingerprint | None:
    """Return a firing alert that hides the one with these sides; None: nothing does.

    sources: by key, those that fire.  An alert that is both source and target of a rule is not
    hidden by another such one: two of a kind would hide each other.
    """
    for side in sides:
        if not side.target:
            continue
        for other in sources.get(side.key, ()):
            if other.fingerprint == side.fingerprint or (side.source and other.target):
                continue
            return other.fingerprint
    return None
