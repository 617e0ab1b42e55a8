"""What tables know of an alert: more labels for the routes, more texts for people. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from storage.model.alert import Alert
from storage.model.labels import Labels, Matcher

Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one value. An empty text says nothing."""

    labels: Texts = field(default_factory=dict)
    annotations: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Lookup:
    """One table, looked into by the value of `label` for alerts that satisfy `matchers`.

    rows:       value -> what is known of it; of a table that is asked elsewhere, so far.
    overwrites: whether it wins over what the alert says itself.
    asks:       how it is asked elsewhere, for whoever does that; None: `rows` is all of it.
    """

    name: str
    label: str
    rows: Mapping[str, Row]
    matchers: tuple[Matcher, ...] = ()
    overwrites: bool = False
    asks: object = None

    def value_in(self, labels: Labels) -> str:
        """Return what is to be looked up; empty: nothing."""
        wanted = all(matcher.matches(labels) for matcher in self.matchers)
        return labels.get(self.label) if wanted else ""

    def row_of(self, labels: Labels) -> Row | None:
        """Return what is known of an alert with these labels."""
        value = self.value_in(labels)
        return self.rows.get(value) if value else None

    def added(self, labels: Labels, more: Texts) -> Labels:
        """Return labels (or annotations) with more of them, where there are none of that name."""
        return labels.with_(
            {k: v for k, v in more.items() if v and (self.overwrites or not labels.get(k))}
        )


def looked_up(labels: Labels, lookups: Iterable[Lookup]) -> Labels:
    """Return labels with what the tables add; each sees what those before it have added."""
    for lookup in lookups:
        if row := lookup.row_of(labels):
            labels = lookup.added(labels, row.labels)
    return labels


def with_texts(alert: Alert, lookups: Iterable[Lookup]) -> Alert:
    """Return the alert with the annotations that the tables add; its labels stay: they name it."""
    labels, texts = alert.labels, alert.annotations
    for lookup in lookups:
        if row := lookup.row_of(labels):
            labels = lookup.added(labels, row.labels)
            texts = lookup.added(texts, row.annotations)
    return alert if texts is alert.annotations else replace(alert, annotations=texts)
