"""The outage as a picture: the measure, its limit, and the receipt's moments, as SVG."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

WIDTH, HEIGHT = 400, 236
LEFT, RIGHT, TOP, BOTTOM = 38, 10, 58, 24
MARK_GAP, MARK_SIZE = 17, 8
STEPS = (5, 10, 15, 30, 60, 120, 300, 600, 3_600, 21_600, 86_400)
"""Seconds between two times at the foot."""

Scale = Callable[[float], float]
"""A value to a place in the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Colours; an SVG shown as an image cannot read the page's style sheet."""

    ink: str
    dim: str
    line: str
    curve: str
    area: str
    limit: str


LIGHT = Palette(
    ink="#1c1b1a", dim="#65625d", line="#e2dfd8", curve="#1f5fa8", area="#e6eff9", limit="#b4232c"
)
DARK = Palette(
    ink="#ecebe7", dim="#a5a29c", line="#32353a", curve="#8ab8f0", area="#1c2b3d", limit="#ff8a84"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What is drawn.

    title: what the curve is.  unit: `%` (values are shares) or `s`.
    times, values: the curve; NaN where nothing was known.  limit: the rule's threshold.
    marks: (Unix seconds, what) in the order of the receipt; numbered from 1.
    """

    title: str
    unit: str
    times: Sequence[float]
    values: Sequence[float]
    limit: float
    marks: Sequence[tuple[float, str]]


def svg(outage: Outage, palette: Palette) -> str:
    """Draw it; plain shapes and attributes only: no script, no style."""
    low, high = outage.times[0], max(outage.times[-1], outage.times[0] + 1)
    top = max([outage.limit * 2, *(value for value in outage.values if value == value)]) * 1.1

    def x(at: float) -> float:
        return LEFT + (min(max(at, low), high) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

    runs = _runs([(x(t), y(v), v) for t, v in zip(outage.times, outage.values, strict=True)])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label={quoteattr(outage.title)} font-family="system-ui, sans-serif" font-size="12">',
        f'<text x="0" y="14" fill="{palette.ink}" font-weight="600">{escape(outage.title)}</text>',
        *_axis(top, y, outage.unit, palette),
        *(_area(run, palette) for run in runs),
        *(_curve(run, palette) for run in runs),
        *_limit(y(outage.limit), outage, palette),
        *_marks(outage.marks, x, palette),
        *_times(low, high, x, palette),
        "</svg>",
    ]
    return "".join(parts)


def _runs(points: list[tuple[float, float, float]]) -> list[list[tuple[float, float]]]:
    """Cut the curve where nothing was known."""
    found: list[list[tuple[float, float]]] = [[]]
    for x, y, value in points:
        if value == value:
            found[-1].append((x, y))
        elif found[-1]:
            found.append([])
    return [run for run in found if run]


def _area(run: list[tuple[float, float]], palette: Palette) -> str:
    floor = HEIGHT - BOTTOM
    path = " ".join(f"L{x:.1f},{y:.1f}" for x, y in run)
    start, end = run[0][0], run[-1][0]
    return f'<path d="M{start:.1f},{floor} {path} L{end:.1f},{floor} Z" fill="{palette.area}"/>'


def _curve(run: list[tuple[float, float]], palette: Palette) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
    return (
        f'<polyline points="{points}" fill="none" stroke="{palette.curve}" stroke-width="2" '
        'stroke-linejoin="round"/>'
    )


def _axis(top: float, y: Scale, unit: str, palette: Palette) -> list[str]:
    found = []
    for part in (0.0, 0.5, 1.0):
        value = top / 1.1 * part
        found.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="{palette.line}"/><text x="{LEFT - 6}" y="{y(value) + 4:.1f}" '
            f'text-anchor="end" fill="{palette.dim}">{_written(value, unit)}</text>'
        )
    return found


def _limit(at: float, outage: Outage, palette: Palette) -> list[str]:
    said = f"limit {_written(outage.limit, outage.unit)}"
    return [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" '
        f'stroke="{palette.limit}" stroke-dasharray="5 4"/>',
        f'<text x="{LEFT + 6}" y="{at - 5:.1f}" fill="{palette.limit}">{said}</text>',
    ]


def _marks(marks: Sequence[tuple[float, str]], x: Scale, palette: Palette) -> list[str]:
    """Draw a numbered mark for each moment; those that would overlap stand side by side."""
    found, free = list[str](), 0.0
    for number, (at, what) in enumerate(marks, start=1):
        here = x(at)
        label = min(max(here, free), WIDTH - RIGHT - (len(marks) - number) * MARK_GAP)
        free = label + MARK_GAP
        found.append(
            f"<g><title>{escape(what)}</title>"
            f'<path d="M{label:.1f},44 L{here:.1f},{TOP} L{here:.1f},{HEIGHT - BOTTOM}" '
            f'fill="none" stroke="{palette.dim}" stroke-width="1"/>'
            f'<circle cx="{label:.1f}" cy="36" r="{MARK_SIZE}" fill="{palette.ink}"/>'
            f'<text x="{label:.1f}" y="40" text-anchor="middle" font-size="10" font-weight="600" '
            f'fill="{palette.area}">{number}</text></g>'
        )
    return found


def _times(low: float, high: float, x: Scale, palette: Palette) -> list[str]:
    step = next((step for step in STEPS if (high - low) / step <= 7), STEPS[-1])
    found, at = list[str](), 0
    while low + at <= high:
        found.append(
            f'<text x="{x(low + at):.1f}" y="{HEIGHT - 6}" text-anchor="middle" '
            f'fill="{palette.dim}">{at} s</text>'
        )
        at += step
    return found


def _written(value: float, unit: str) -> str:
    return f"{value * 100:.0f}%" if unit == "%" else f"{value:.1f} {unit}"
