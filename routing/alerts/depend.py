"""The alert of a service is hidden while what it cannot do without is in as much trouble. Pure.

Everything is found by keys, as in `inhibit`: an alert has one part, which names its service and
its severity; what may hide it, and what it may hide, are keys worked out from the catalogue.
"""

from collections.abc import Sequence
from hashlib import blake2b

from routing.alerts.guarded import names_exactly
from routing.alerts.inhibit import InhibitRule, rules_key, sides_of
from routing.playbook import Playbook
from storage.model.alert import Alert, Severity
from storage.model.labels import MatchOp
from storage.model.silence import Side


def parts_of(alert: Alert, playbook: Playbook) -> list[Side]:
    """Return every part that an alert has in hiding others, or in being hidden; over: none."""
    mine = _part(alert, playbook)
    return [*sides_of(alert, playbook.inhibit), *([mine] if mine else [])]


def hides_any(playbook: Playbook) -> bool:
    """Say whether any alert may hide another, or explain it."""
    return bool(playbook.inhibit or playbook.dependencies)


def hiding_key(playbook: Playbook) -> str:
    """Name all that decides which alert hides which, so that a change of it is noticed."""
    digest = blake2b(rules_key(playbook.inhibit).encode(), digest_size=16)
    known, catalogue = playbook.dependencies, playbook.catalogue
    if known:
        heard = [name for name, it in catalogue.services.items() if it.always_heard]
        told = (known.hides, sorted(known.below.items()), sorted(catalogue.names.items()), heard)
        digest.update(repr(told).encode(errors="surrogatepass"))
    return digest.hexdigest()


def key_of(service: str, severity: Severity) -> str:
    """Name the alerts of one service and severity."""
    told = f"depends\0{severity}\0{service}".encode(errors="surrogatepass")
    return blake2b(told, digest_size=16).hexdigest()


def own_key(alert: Alert, playbook: Playbook) -> str:
    """Return the key of the alert's own part; empty where its service is not known."""
    service = playbook.catalogue.service_of(alert.labels)
    return key_of(service.name, alert.severity) if service else ""


def causes_of(alert: Alert, playbook: Playbook) -> list[str]:
    """Return the keys of what may explain this alert, the nearest and worst first.

    Only what hurts at least as much does: nothing but a critical alert explains a critical one.
    """
    service = playbook.catalogue.service_of(alert.labels)
    if service is None:
        return []
    worse = [it for it in Severity if it.rank <= alert.severity.rank]
    below = playbook.dependencies.below.get(service.name, ())
    return [key_of(name, severity) for name in below for severity in worse]


def hiders_of(alert: Alert, playbook: Playbook) -> list[str]:
    """Return the keys of what hides this alert while it fires, the nearest and worst first."""
    service = playbook.catalogue.service_of(alert.labels)
    hidden = service is not None and not service.always_heard and names_exactly((), alert.labels)
    return causes_of(alert, playbook) if hidden and playbook.dependencies.hides else []


def hidden_of(alert: Alert, playbook: Playbook) -> list[str]:
    """Return the keys of what this alert hides while it fires."""
    service = playbook.catalogue.service_of(alert.labels)
    if service is None or not playbook.dependencies.hides:
        return []
    milder = [it for it in Severity if it.rank >= alert.severity.rank]
    above = playbook.dependencies.above.get(service.name, ())
    return [key_of(name, severity) for name in above for severity in milder]


def _part(alert: Alert, playbook: Playbook) -> Side | None:
    service = playbook.catalogue.service_of(alert.labels)
    if service is None or not alert.is_firing:
        return None
    known = playbook.dependencies
    source = service.name in known.above and _may_explain(alert, playbook.inhibit)
    target = service.name in known.below
    if not source and not target:
        return None
    key = key_of(service.name, alert.severity)
    return Side(key=key, fingerprint=alert.fingerprint, source=source, target=target)


def _may_explain(alert: Alert, rules: Sequence[InhibitRule]) -> bool:
    """Say whether an alert may hide others by the catalogue.

    One that a rule of `inhibit` may hide may not: the two would hide each other, and nobody
    would hear of either. Where the rule's source is worse by its matchers, that cannot be.
    """
    return not any(
        all(matcher.matches(alert.labels) for matcher in rule.target)
        and not _is_worse(rule, alert.severity)
        for rule in rules
    )


def _is_worse(rule: InhibitRule, than: Severity) -> bool:
    return any(
        matcher.name == "severity"
        and matcher.op is MatchOp.EQUAL
        and Severity.read(matcher.value).rank < than.rank
        for matcher in rule.source
    )
