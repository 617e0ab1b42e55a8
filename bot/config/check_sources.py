"""A source with a mapping is spoken to under its own name; some names lead elsewhere."""

from bot.config.inspection import Inspection

TAKEN = ("alertmanager", "argocd", "github", "gitlab", "grafana")
"""Names under /webhooks/ that read a format of their own; a test compares them with the doors."""


def check_sources(inspection: Inspection) -> None:
    """Note mappings that would never be asked."""
    for name, section in inspection.config.sources.items():
        if section.mapping is not None and name in TAKEN:
            text = (
                f"/webhooks/{name} reads the format of that name, so this mapping would never be "
                "asked; expected another name for the source"
            )
            inspection.add(("sources", name, "mapping"), text)
