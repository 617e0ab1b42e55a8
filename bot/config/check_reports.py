"""Faults in what reports are made of, and in where they go."""

from collections.abc import Iterable, Mapping

from bot.config.check_channels import check_address, check_room_address
from bot.config.inspection import Inspection, Way
from bot.reports.figures import FIGURES, SERVICE_FIGURES, metrics_of, template
from bot.reports.publish import read_order
from bot.reports.report import ReportFailed
from storage.errors import QueryError


def check_reports(inspection: Inspection) -> None:
    """Note figures that there are not, wrong queries, and schedules that lead nowhere."""
    _schedules(inspection)
    performance = inspection.config.reports.performance
    way: Way = ("reports", "performance")
    _figures(inspection, (*way, "figures"), performance.figures, FIGURES, of_all=True)
    for name, service in performance.services.items():
        place = (*way, "services", name, "figures")
        _figures(inspection, place, service.figures, SERVICE_FIGURES, of_all=False)


def _schedules(inspection: Inspection) -> None:
    """A schedule orders what there is, for channels that can show it."""
    for place, section in enumerate(inspection.config.reports.schedules):
        way: Way = ("reports", "schedules", place)
        try:
            read_order(section.report.split())
        except ReportFailed as refusal:
            inspection.add((*way, "report"), str(refusal))
        for number, room in enumerate(section.to):
            ((channel, address),) = room.items()
            _room(inspection, (*way, "to", number), channel, address)


def _room(inspection: Inspection, way: Way, channel: str, address: str) -> None:
    opened = inspection.config.opened
    inspection.refers(way, "channel", channel, inspection.names("channels"))
    if channel not in opened:
        return
    if not opened[channel].kind.takes_reports:
        able = ", ".join(sorted(name for name, it in opened.items() if it.kind.takes_reports))
        inspection.add(way, f"{channel} shows no reports; expected one of {able or 'none here'}")
        return
    check_address(inspection, (*way, channel), channel, address)
    check_room_address(inspection, (*way, channel), channel, address)


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
