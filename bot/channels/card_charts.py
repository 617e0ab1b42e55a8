"""Plots as Teams draws them itself: its own chart elements, and words for who cannot draw them.

A picture would have to stand in the card (Teams shrinks and sometimes drops those, and they eat up
its few bytes) or at an address that Teams' servers can reach. Numbers need neither. They are drawn
by Teams on the desktop, in the browser and on phones; what does not know them shows `fallback`.
Source: adaptivecards.microsoft.com, Chart.Line.
"""

from math import isfinite
from typing import Any

from bot.channels.json_cut import cut
from routing.delivery.report import Curve, Plot
from routing.delivery.words import flat

Json = dict[str, Any]
MOST_POINTS, MOST_CURVES, LONGEST_NAME = 48, 3, 40
COLOURS = ("categoricalBlue", "categoricalMarigold", "categoricalPurple")
FAINT, LIMIT = "divergingGray", "attention"
BARS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
LONGEST_BARS = 32


def line_chart(plot: Plot, most: int = MOST_POINTS) -> Json | None:
    """Return a plot as a chart of at most `most` points a line; None where it has no point."""
    hours = (plot.times[-1] - plot.times[0]) > 3 * 3_600 if plot.times else False
    size, unit = (3_600.0, "hours") if hours else (60.0, "minutes")
    ends = plot.times[-1] if plot.times else 0.0
    shown = [it for it in plot.curves if any(map(_is_number, it.values))][:MOST_CURVES]
    if not shown:
        return None
    colours = iter(COLOURS)
    data = [_data(it, plot, ends, size, most, FAINT if it.faint else next(colours)) for it in shown]
    if plot.limit is not None and isfinite(plot.limit):
        begin = round((plot.times[0] - ends) / size, 2)
        points = [{"x": begin, "y": _short(plot.limit)}, {"x": 0.0, "y": _short(plot.limit)}]
        data.append({"legend": "limit", "color": LIMIT, "values": points})
    return {
        "type": "Chart.Line",
        "title": cut(flat(plot.title), LONGEST_NAME) or "-",
        "xAxisTitle": f"{unit} before",
        "yAxisTitle": cut(flat(plot.unit), LONGEST_NAME) or "value",
        "data": data,
        "fallback": {"type": "RichTextBlock", "inlines": [_in_words(plot, shown[0])]},
    }


def _data(curve: Curve, plot: Plot, ends: float, size: float, most: int, colour: str) -> Json:
    every = max(1, -(-len(curve.values) // most))
    points = [
        {"x": round((at - ends) / size, 2), "y": _short(value)}
        for at, value in list(zip(plot.times, curve.values, strict=False))[::-1][::every][::-1]
        if value is not None and isfinite(value)
    ]
    if not points:  # what there is lies between those that were taken
        points = [
            {"x": round((at - ends) / size, 2), "y": _short(value)}
            for at, value in zip(plot.times, curve.values, strict=False)
            if value is not None and isfinite(value)
        ][-most:]
    return {"legend": cut(flat(curve.name), LONGEST_NAME) or "-", "color": colour, "values": points}


def _in_words(plot: Plot, curve: Curve) -> Json:
    """Say what the chart shows, with small bars."""
    values = [value for value in curve.values if value is not None and isfinite(value)]
    low, high = min([0.0, *values]), max(values)
    step = max(1, len(values) // LONGEST_BARS)
    span = high - low or 1.0
    bars = "".join(BARS[min(7, int((value - low) / span * 8))] for value in values[::step])
    told = f"{flat(plot.title)}: {bars} now {_short(values[-1]):g} {flat(plot.unit)}".rstrip()
    if plot.limit is not None:
        told += f", limit {_short(plot.limit):g} {flat(plot.unit)}".rstrip()
    return {"type": "TextRun", "text": cut(told, 300), "size": "small"}


def _is_number(value: float | None) -> bool:
    return value is not None and isfinite(value)


def _short(value: float) -> float:
    """Keep four figures that count: a card has few bytes."""
    return float(f"{value:.4g}")
