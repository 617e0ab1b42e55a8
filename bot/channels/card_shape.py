"""What a card for Teams may be made of: the part of Microsoft's schema that we write, and no more.

Source: Adaptive Cards 1.4 (adaptivecards.io/schemas/adaptive-card.json), Teams' own Chart.Line
(adaptivecards.microsoft.com), and Teams' own limits: six actions, http(s) links.
A Workflow answers 202 to anything and then fails unseen, so a card is held
to this before it goes.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Spacing = Literal["none", "small", "default", "medium", "large", "extraLarge", "padding"]
Color = Literal["default", "dark", "light", "accent", "good", "warning", "attention"]
Style = Literal["default", "emphasis", "good", "attention", "warning", "accent"]
Words = Annotated[str, Field(min_length=1)]
Link = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


class TextRun(_Part):
    """Text that means itself: Markdown does nothing in it."""

    type: Literal["TextRun"]
    text: Words
    size: Literal["small", "default", "medium", "large", "extraLarge"] = "default"
    weight: Literal["lighter", "default", "bolder"] = "default"
    color: Color = "default"
    is_subtle: bool = False


class RichTextBlock(_Part):
    """A paragraph."""

    type: Literal["RichTextBlock"]
    inlines: Annotated[list[TextRun], Field(min_length=1)]
    spacing: Spacing = "default"
    separator: bool = False


class Column(_Part):
    """One column; `84px` is as wide in every row."""

    type: Literal["Column"]
    width: Annotated[str, Field(pattern=r"^(auto|stretch|[1-9][0-9]{0,3}px)$")]
    items: Annotated[list[RichTextBlock], Field(min_length=1)]


class ColumnSet(_Part):
    """Columns beside each other."""

    type: Literal["ColumnSet"]
    columns: Annotated[list[Column], Field(min_length=1)]
    spacing: Spacing = "default"
    separator: bool = False


class Container(_Part):
    """Elements on a coloured ground."""

    type: Literal["Container"]
    style: Style = "default"
    bleed: bool = False
    items: Annotated[list[RichTextBlock], Field(min_length=1)]


class Point(_Part):
    """A point of a line."""

    x: float
    y: float


class Points(_Part):
    """One line of a chart."""

    legend: Words
    color: Literal[
        "categoricalBlue", "categoricalMarigold", "categoricalPurple", "divergingGray", "attention"
    ]
    values: Annotated[list[Point], Field(min_length=1)]


class LineChart(_Part):
    """A chart that Teams draws; `fallback` is shown where it cannot."""

    type: Literal["Chart.Line"]
    title: Words
    x_axis_title: Words
    y_axis_title: Words
    data: Annotated[list[Points], Field(min_length=1)]
    fallback: RichTextBlock
    spacing: Spacing = "default"


class OpenUrl(_Part):
    """A button that opens a page."""

    type: Literal["Action.OpenUrl"]
    title: Words
    url: Link


class Width(_Part):
    """How wide Teams shows the card."""

    width: Literal["Full"]


Element = Annotated[RichTextBlock | ColumnSet | Container | LineChart, Field(discriminator="type")]


class Card(_Part):
    """An Adaptive Card."""

    type: Literal["AdaptiveCard"]
    schema_: Annotated[
        Literal["http://adaptivecards.io/schemas/adaptive-card.json"], Field(alias="$schema")
    ]
    version: Literal["1.4"]
    fallback_text: Words
    body: Annotated[list[Element], Field(min_length=1)]
    actions: Annotated[list[OpenUrl], Field(max_length=6)] = []
    msteams: Width


class Attachment(_Part):
    """A card on its way."""

    content_type: Literal["application/vnd.microsoft.card.adaptive"]
    content: Card


class Posting(_Part):
    """What a Workflow takes: one message with one card."""

    type: Literal["message"]
    attachments: Annotated[list[Attachment], Field(min_length=1, max_length=1)]
