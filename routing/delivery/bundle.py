"""The alerts of an incident as programs take them: whole, but not without end."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from routing.alerts.group import urgent_first
from routing.delivery.channel import Bundle
from routing.delivery.compose import Scene
from routing.delivery.words import shortened
from storage.model.alert import Alert
from storage.model.labels import Labels

MOST_ALERTS, MOST_TEXT = 100, 100_000
"""Of one bundle: alerts, and characters in all their labels and annotations."""
LONGEST_ANNOTATION, MOST_ANNOTATIONS = 2_000, 30


def bundle(scene: Scene) -> Bundle:
    """Return the incident's alerts; what is too much is left out and counted."""
    taken = tuple(_fitting(urgent_first(scene.alerts)))
    return Bundle(
        group=scene.incident.group,
        by=scene.grouped_by,
        alerts=taken,
        left_out=scene.total - len(taken),
        home=scene.playbook.link,
    )


def _fitting(alerts: Sequence[Alert]) -> Iterator[Alert]:
    room = MOST_TEXT
    for alert in map(_trimmed, alerts[:MOST_ALERTS]):
        room -= sum(len(name) + len(text) for name, text in (*alert.labels, *alert.annotations))
        if room < 0:
            return
        yield alert


def _trimmed(alert: Alert) -> Alert:
    """Shorten endless annotations; labels stay whole, they are what the alert is."""
    if len(alert.annotations) <= MOST_ANNOTATIONS and all(
        len(text) <= LONGEST_ANNOTATION for _, text in alert.annotations
    ):
        return alert
    kept = alert.annotations[:MOST_ANNOTATIONS]
    short = Labels((name, shortened(text, LONGEST_ANNOTATION)) for name, text in kept)
    return replace(alert, annotations=short)
