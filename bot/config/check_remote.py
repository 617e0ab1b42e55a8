"""Samples that come in must be seen by the rules."""

from bot.config.inspection import Inspection


def check_remote(inspection: Inspection) -> None:
    """Note samples that nobody would look at.

    Where another system answers the queries, what is stored here is in no answer, unless it is
    forwarded there.
    """
    config = inspection.config
    if config.storage.metrics.prometheus is None or config.storage.forward is not None:
        return
    why = (
        "storage.metrics.prometheus answers the rules, which never see what comes in here; "
        "expected storage.forward to send it there"
    )
    if inspection.names("sources"):
        inspection.add(("sources",), f"{why}, or no sources")
    if config.scrape:
        inspection.add(("scrape",), f"{why}, or nothing to scrape")
    if config.own_host.enabled and inspection.places.has("own_host", "enabled"):
        inspection.add(("own_host", "enabled"), f"{why}, or false")
