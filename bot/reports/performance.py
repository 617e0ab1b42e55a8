"""The report on performance: traffic, errors, latency and resources beside earlier periods."""

from bot.reports.performance_load import load
from bot.reports.report import Page, Report, Window


def build(loaded: object, window: Window) -> Page:
    """Write the page; in the worker process."""
    from bot.reports import performance_page
    from bot.reports.performance_load import Loaded

    assert isinstance(loaded, Loaded)
    return performance_page.build(loaded, window)


REPORT = Report(
    name="performance",
    summary="requests, errors, latency, CPU, memory, disk and network beside earlier periods",
    load=load,
    build=build,
    subject="service",
)
