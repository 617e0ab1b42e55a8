"""A queue over two minutes, and a rule about it."""

from storage.model.labels import Labels
from storage.model.sample import Batch, Sample

RULES = """
groups:
- name: queues
  interval: 15s
  rules:
  - alert: QueueDeep
    expr: queue_depth > {over}
    labels: {{severity: critical}}
"""
VALUES = (5, 90, 90, 5, 40, 5, 5, 90, 5)


def samples(end: float) -> Batch:
    labels = Labels.of(__name__="queue_depth", queue="mail")
    times = (end - 15.0 * back for back in range(len(VALUES) - 1, -1, -1))
    return Batch([Sample(labels, t, float(v)) for t, v in zip(times, VALUES, strict=True)])
