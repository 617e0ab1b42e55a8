"""Faults in what reports are made of."""

from collections.abc import Iterable, Mapping

from bot.config.inspection import Inspection, Way
from bot.reports.figures import FIGURES, SERVICE_FIGURES, metrics_of, template
from storage.errors import QueryError


def check_reports(inspection: Inspection) -> None:
    """Note figures that there are not, and queries that cannot be asked."""
    performance = inspection.config.reports.performance
    way: Way = ("reports", "performance")
    _figures(inspection, (*way, "figures"), performance.figures, FIGURES, of_all=True)
    for name, service in performance.services.items():
        place = (*way, "services", name, "figures")
        _figures(inspection, place, service.figures, SERVICE_FIGURES, of_all=False)


def _figures(
    inspection: Inspection, way: Way, ways: Mapping[str, str], known: Iterable[str], *, of_all: bool
) -> None:
    for figure, written in ways.items():
        if figure not in known:
            inspection.refers((*way, figure), "figure", figure, known)
            continue
        opened = template(written, FIGURES[figure].kind)
        try:
            metrics_of(opened)
        except QueryError as error:
            inspection.add((*way, figure), str(error))
            continue
        if of_all and "$by" not in opened:
            inspection.add(
                (*way, figure),
                "found a query without $by; expected one such as "
                "sum by ($by) (rate(orders_total{$match}[$window])), so that each can be told "
                "apart; what is of one service stands in `services`",
            )
