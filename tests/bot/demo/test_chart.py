"""The outage as a picture: well-formed, within its frame, and free of what is not drawing."""

from dataclasses import replace
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from bot.demo.chart import DARK, HEIGHT, LIGHT, WIDTH, Outage, svg

NAN = float("nan")
OUTAGE = Outage(
    title="Share of answers that fail",
    unit="%",
    times=[10.0, 11.0, 12.0, 13.0, 14.0],
    values=[0.0, 0.4, NAN, 0.6, 0.1],
    limit=0.05,
    marks=[(10.2, "shop broken"), (10.9, "sample taken"), (13.5, "resolved")],
)


def numbers(picture: str, tag: str, name: str) -> list[float]:
    tree = ElementTree.fromstring(picture)
    return [
        float(node.get(name, "nan")) for node in tree.iter(f"{{http://www.w3.org/2000/svg}}{tag}")
    ]


def test_the_curve_is_cut_where_nothing_was_known() -> None:
    picture = svg(OUTAGE, LIGHT)
    assert picture.count("<polyline") == 2
    assert numbers(picture, "circle", "r") == [8.0] * 3
    assert [f">{number}</text>" in picture for number in (1, 2, 3)] == [True] * 3


def test_text_is_text() -> None:
    picture = svg(replace(OUTAGE, title='<script>"&', marks=[(11.0, "</svg><b>")]), DARK)
    assert "<script>" not in picture
    ElementTree.fromstring(picture)


@given(
    values=st.lists(st.one_of(st.just(NAN), st.floats(0, 1e6)), min_size=1, max_size=30),
    marks=st.lists(st.floats(-100, 200), max_size=11),
    limit=st.floats(0.001, 100),
)
def test_whatever_happened_stays_within_the_frame(
    values: list[float], marks: list[float], limit: float
) -> None:
    times = [float(second) for second in range(len(values))]
    outage = replace(
        OUTAGE, times=times, values=values, limit=limit, marks=[(at, "x") for at in marks]
    )
    picture = svg(outage, LIGHT)
    across = [*numbers(picture, "circle", "cx"), *numbers(picture, "text", "x")]
    down = numbers(picture, "text", "y")
    assert all(0 <= x <= WIDTH for x in across)
    assert all(0 <= y <= HEIGHT for y in down)
