"""`label_replace`, `label_join`, and the labels `absent` gives its answer."""

import re
from collections.abc import Sequence

from storage.model.labels import NAME, Labels, Matcher, MatchOp, compiled
from storage.promql.values import Frame

_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")


def label_replace(frame: Frame, target: str, replacement: str, source: str, pattern: str) -> Frame:
    """Set label `target` from the whole match of `pattern` against label `source`.

    `$1`, `${1}` and `${name}` stand for groups; a series that does not match stays as it is.
    """
    regex = compiled(pattern)

    def change(labels: Labels) -> Labels:
        found = regex.match(labels.get(source))
        if found is None:
            return labels

        def group(reference: "re.Match[str]") -> str:
            dollar, braced, bare = reference.groups()
            return "$" if dollar else _group(found, braced or bare)

        return labels.with_({target: _REFERENCE.sub(group, replacement)})

    return frame.relabelled(change)


def _group(found: "re.Match[str]", name: str) -> str:
    """Return a group by number or name; an empty text for one that is not there, as in Go."""
    try:
        return found.group(int(name) if name.isdigit() else name) or ""
    except (IndexError, KeyError):
        return ""


def label_join(frame: Frame, target: str, separator: str, sources: Sequence[str]) -> Frame:
    """Set label `target` to the values of `sources`, joined."""

    def change(labels: Labels) -> Labels:
        return labels.with_({target: separator.join(labels.get(name) for name in sources)})

    return frame.relabelled(change)


def labels_of_absent(matchers: Sequence[Matcher]) -> Labels:
    """Return what is certain about a series that does not exist: labels fixed by one `=` each.

    Whatever follows the first `=` of a label makes it uncertain; what stands before does not.
    Source: Prometheus 3, promql/functions.go, createLabelsForAbsentFunction.
    """
    fixed: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in matchers:
        if matcher.name == NAME:
            continue
        first = matcher.op is MatchOp.EQUAL and matcher.name not in seen
        fixed[matcher.name] = matcher.value if first else ""
        if first:
            seen.add(matcher.name)
    return Labels.of(fixed)
