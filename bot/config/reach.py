"""Would a critical alarm wake somebody? Each policy that can get one is tried on paper."""

from bot.config.config import PolicySection, StepSection
from bot.config.inspection import Inspection
from bot.config.personal import PersonalRuleSection
from bot.config.routes import RouteSection
from routing.playbook import BY_SEVERITY
from storage.model.alert import Severity


def check_reach(inspection: Inspection) -> None:
    """Note policies by which a critical alarm would reach nobody outside chat."""
    config = inspection.config
    for name in _get_criticals(inspection):
        policy = config.policies[name]
        if not any(_rings(inspection, step) for step in policy.steps):
            inspection.add_at_key("policies", name, _advice(inspection, policy))


def _get_criticals(inspection: Inspection) -> list[str]:
    """Name the policies that a critical alert can come to, each once."""
    config = inspection.config
    found, passed = _followed(config.routes, str(config.default_policy))
    return list(dict.fromkeys([*found, str(config.default_policy)] if passed else found))


def _followed(routes: tuple[RouteSection, ...], above: str) -> tuple[list[str], bool]:
    """Name the policies that critical alerts find there, and whether any comes past them all."""
    found, taken = list[str](), False
    for route in routes:
        conditions = [m for m in route.match if m.name == "severity"]
        if all(m.matches_value(Severity.CRITICAL.value) for m in conditions):
            here = route.policy or above
            inner, passed = _followed(route.routes, here)
            found += [*inner, here] if passed else inner
        taken = taken or not route.match  # takes everything
        if not route.match and not route.goes_on:
            break
    return found, not taken


def _asked(inspection: Inspection, step: StepSection) -> list[str]:
    """Name whom a step asks; of a list its first, as the others follow only if that one fails."""
    config = inspection.config
    return [
        config.oncall[target.oncall][0] if target.oncall else str(target.person)
        for target in step.notify
    ]


def _words(inspection: Inspection, step: StepSection) -> tuple[str, ...]:
    critical = Severity.CRITICAL
    return step.by or inspection.config.severities.get(critical, BY_SEVERITY[critical])


def _rings(inspection: Inspection, step: StepSection) -> bool:
    """Say whether the step reaches somebody outside chat."""
    return any(_is_rung(inspection, step, name) for name in _asked(inspection, step))


def _is_rung(inspection: Inspection, step: StepSection, name: str) -> bool:
    """Say whether a person is reached outside chat, at whatever hour it is."""
    config = inspection.config
    own = [rule for rule in config.people[name].rules if _is_for_criticals(rule)]
    plans = [{word for turn in rule.steps for word in turn.by} for rule in own]
    if step.by or not any(rule.hours is None for rule in own):  # at other hours: as everybody
        plans = [*([] if step.by else plans), set(_words(inspection, step))]
    ways = config.contacts(name).keys() - config.chat_channels
    return all(ways & plan for plan in plans)


def _is_for_criticals(rule: PersonalRuleSection) -> bool:
    return not rule.severity or Severity.CRITICAL in rule.severity


def _advice(inspection: Inspection, policy: PolicySection) -> str:
    """Say what would be right: a channel, a `by`, or a phone number."""
    config = inspection.config
    start = "a critical alarm reaches nobody outside chat by this policy; expected"
    asking = {name for name, opened in config.opened.items() if opened.kind.asks}
    ringing = sorted(asking - config.chat_channels)
    if not ringing:
        return f"{start} a channel that rings, such as channels.sms"
    ruled = sorted(
        {
            n
            for step in policy.steps
            for n in _asked(inspection, step)
            if config.people[n].rules and config.contacts(n).keys() & set(ringing)
        }
    )
    if ruled:
        return f"{start} {' or '.join(ringing)} in the rules of {', '.join(ruled)} for criticals"
    used = {word for step in policy.steps for word in _words(inspection, step)}
    if not used & set(ringing):
        return f"{start} {' or '.join(ringing)} in severities.critical or in `by` of a step"
    people = dict.fromkeys(name for step in policy.steps for name in _asked(inspection, step))
    return f"{start} a number in `phone` of one of {', '.join(people)}"
