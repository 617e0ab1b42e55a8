"""Microsoft's schema of Adaptive Cards 1.4 as a JSON Schema: what text cards are made of.

Written from adaptivecards.io/schemas/adaptive-card.json: the same names, required keys, enums and
refusal of unknown keys;
Chart.Line, which is of Teams, is from adaptivecards.microsoft.com.
Enums are matched without regard to case there and here only as written.
"""

from typing import Any

Json = dict[str, Any]


def _one_of(*words: str) -> Json:
    return {"enum": list(words)}


STRING: Json = {"type": "string"}
FLAG: Json = {"type": "boolean"}
COLOR = _one_of("default", "dark", "light", "accent", "good", "warning", "attention")
SIZE = _one_of("default", "small", "medium", "large", "extraLarge")
WEIGHT = _one_of("default", "lighter", "bolder")
FONT = _one_of("default", "monospace")
STYLE = _one_of("default", "emphasis", "good", "attention", "warning", "accent")
SPACING = _one_of("default", "none", "small", "medium", "large", "extraLarge", "padding")
ALIGNED = _one_of("left", "center", "right")
UPRIGHT = _one_of("top", "center", "bottom")
CHART_COLOR = _one_of(
    "good", "warning", "attention", "neutral", "categoricalRed", "categoricalPurple",
    "categoricalLavender", "categoricalBlue", "categoricalLightBlue", "categoricalTeal",
    "categoricalGreen", "categoricalLime", "categoricalMarigold", "divergingGray",
)  # fmt: skip
ELEMENT: Json = {
    "height": _one_of("auto", "stretch"),
    "separator": FLAG,
    "spacing": SPACING,
    "id": STRING,
    "isVisible": FLAG,
}


def _ref(name: str) -> Json:
    return {"$ref": f"#/definitions/{name}"}


def _list(name: str) -> Json:
    return {"type": "array", "items": _ref(name)}


def _object(name: str, required: tuple[str, ...], **keys: Json) -> Json:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["type", *required],
        "properties": {"type": {"const": name}, **keys},
    }


def _any_of(*names: str) -> Json:
    """Choose by `type`, as Microsoft's "ImplementationsOf" do."""
    choices = [
        {"if": {"properties": {"type": {"const": name}}}, "then": _ref(name)} for name in names
    ]
    known = {"type": "object", "required": ["type"], "properties": {"type": {"enum": list(names)}}}
    return {"allOf": [known, *choices]}


LOOKS = {
    "color": COLOR,
    "fontType": FONT,
    "isSubtle": FLAG,
    "size": SIZE,
    "weight": WEIGHT,
}
SCHEMA: Json = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "$ref": "#/definitions/AdaptiveCard",
    "definitions": {
        "Element": _any_of(
            "TextBlock",
            "RichTextBlock",
            "FactSet",
            "Container",
            "ColumnSet",
            "ActionSet",
            "Image",
            "Chart.Line",
        ),
        "Chart.Line": _object(
            "Chart.Line",
            ("data",),
            title=STRING,
            xAxisTitle=STRING,
            yAxisTitle=STRING,
            color=CHART_COLOR,
            colorSet=_one_of("categorical", "sequential", "diverging"),
            data=_list("LineChartData"),
            yMin={"type": "number"},
            yMax={"type": "number"},
            fallback=_ref("Element"),
            **ELEMENT,
        ),
        "LineChartData": {
            "type": "object",
            "additionalProperties": False,
            "required": ["values"],
            "properties": {
                "legend": STRING,
                "color": CHART_COLOR,
                "values": {"type": "array", "minItems": 1, "items": _ref("LineChartValue")},
            },
        },
        "LineChartValue": {
            "type": "object",
            "additionalProperties": False,
            "required": ["x", "y"],
            "properties": {"x": {"type": ["number", "string"]}, "y": {"type": "number"}},
        },
        "Action": _any_of("Action.OpenUrl"),
        "TextBlock": _object(
            "TextBlock",
            ("text",),
            text=STRING,
            wrap=FLAG,
            maxLines={"type": "number"},
            horizontalAlignment=ALIGNED,
            **LOOKS,
            **ELEMENT,
        ),
        "TextRun": _object(
            "TextRun",
            ("text",),
            text=STRING,
            highlight=FLAG,
            italic=FLAG,
            strikethrough=FLAG,
            underline=FLAG,
            selectAction=_ref("Action"),
            **LOOKS,
        ),
        "RichTextBlock": _object(
            "RichTextBlock",
            ("inlines",),
            inlines={"type": "array", "items": {"anyOf": [STRING, _ref("TextRun")]}},
            horizontalAlignment=ALIGNED,
            **ELEMENT,
        ),
        "Fact": {
            "type": "object",
            "additionalProperties": False,
            "required": ["title", "value"],
            "properties": {"type": {"const": "Fact"}, "title": STRING, "value": STRING},
        },
        "FactSet": _object("FactSet", ("facts",), facts=_list("Fact"), **ELEMENT),
        "Container": _object(
            "Container",
            ("items",),
            items=_list("Element"),
            style=STYLE,
            bleed=FLAG,
            minHeight=STRING,
            verticalContentAlignment=UPRIGHT,
            selectAction=_ref("Action"),
            **ELEMENT,
        ),
        "Column": _object(
            "Column",
            (),
            items=_list("Element"),
            style=STYLE,
            bleed=FLAG,
            width={"type": ["string", "number"]},
            verticalContentAlignment=UPRIGHT,
            **ELEMENT,
        ),
        "ColumnSet": _object(
            "ColumnSet",
            (),
            columns=_list("Column"),
            style=STYLE,
            bleed=FLAG,
            horizontalAlignment=ALIGNED,
            **ELEMENT,
        ),
        "ActionSet": _object("ActionSet", ("actions",), actions=_list("Action"), **ELEMENT),
        "Image": _object("Image", ("url",), url=STRING, altText=STRING, size=STRING, **ELEMENT),
        "Action.OpenUrl": _object(
            "Action.OpenUrl",
            ("url",),
            url={"type": "string", "pattern": "^https?://"},
            title=STRING,
            iconUrl=STRING,
            tooltip=STRING,
            style=_one_of("default", "positive", "destructive"),
        ),
        "AdaptiveCard": {
            "type": "object",
            "additionalProperties": False,
            "required": ["type", "version", "body"],
            "properties": {
                "type": {"const": "AdaptiveCard"},
                "$schema": STRING,
                "version": _one_of("1.0", "1.1", "1.2", "1.3", "1.4", "1.5"),
                "body": _list("Element"),
                "actions": {**_list("Action"), "maxItems": 6},
                "fallbackText": STRING,
                "speak": STRING,
                "lang": STRING,
                "minHeight": STRING,
                "verticalContentAlignment": UPRIGHT,
                "msteams": {"type": "object"},
            },
        },
    },
}
"""Teams shows six actions at most, and opens http(s) only; versions beyond 1.5 it does not know."""
