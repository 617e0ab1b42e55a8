"""Matchers that match nothing: what was probably meant."""

from collections.abc import Iterable, Sequence

from routing.delivery.words import flat, shortened
from storage.errors import nearest
from storage.model.labels import Labels, Matcher, MatchOp


def guess(matchers: Sequence[Matcher], known: Iterable[Labels]) -> str:
    """Say which matcher no alert satisfies for a slip of the pen; empty where none is near.

    known: labels of the alerts that could have been meant.
    """
    values: dict[str, set[str]] = {}
    for labels in known:
        for name, value in labels:
            values.setdefault(name, set()).add(value)
    for matcher in matchers:
        if matcher.op is not MatchOp.EQUAL or matcher.value in values.get(matcher.name, ()):
            continue
        what = shortened(flat(str(matcher)), 80)
        if matcher.name not in values:
            if said := nearest(matcher.name, values):
                return f"No alert has the label {flat(matcher.name)[:40]!r}; {said.strip()}"
        elif said := nearest(matcher.value, values[matcher.name]):
            return f"No alert has {what}; {shortened(flat(said.strip()), 120)}"
    return ""
