"""A small builder of Grafana dashboards: what a panel shows is said once, the rest is computed.

`model.py` writes the JSON. Why no library: `docs/design/dashboards.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

Json = dict[str, object]


Colour = Literal["green", "blue", "yellow", "orange", "red", "text"]


@dataclass(frozen=True, slots=True)
class Step:
    """From this value on, this colour; the first step has no value and begins below everything."""

    value: float | None
    colour: Colour


#: Nothing to worry about at any value.
PLAIN = (Step(None, "green"),)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A value shown as a word."""

    value: int
    text: str
    colour: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One query."""

    expr: str
    #: How a series is called, with labels as `{{label}}`.
    legend: str = ""
    #: The value at the end of the time range only.
    instant: bool = False
    format: Literal["time_series", "table"] = "time_series"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What all kinds of panels have. A kind says its name, its height, and its own options."""

    kind: ClassVar[str] = ""
    height: ClassVar[int] = 8

    title: str
    #: What it means, and when to worry.
    about: str
    #: Grafana's name of a unit.
    unit: str
    targets: tuple[Target, ...] = ()
    steps: tuple[Step, ...] = PLAIN
    least: float | None = None
    most: float | None = None
    decimals: int | None = None
    meanings: tuple[Meaning, ...] = ()

    def queries(self) -> tuple[Target, ...]:
        """The queries as they are sent."""
        return self.targets

    def options(self) -> Json:
        """The kind's own options."""
        return {}

    def field(self) -> Json:
        """The kind's own part of how a value looks."""
        return {"color": {"mode": "thresholds"}}

    def overrides(self) -> list[Json]:
        """Where one column looks different from the rest."""
        return []

    def transformations(self) -> list[Json]:
        """What is done to the answers before they are shown."""
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSeries(Panel):
    """Lines over time; limits are drawn as dashed lines."""

    kind = "timeseries"

    stacked: bool = False

    def options(self) -> Json:
        return {
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }

    def field(self) -> Json:
        return {
            # By name: a provider has the same colour in every panel.
            "color": {"mode": "palette-classic-by-name"},
            "custom": {
                "drawStyle": "line",
                "fillOpacity": 40 if self.stacked else 8,
                "lineInterpolation": "linear",
                "lineWidth": 1,
                "showPoints": "auto",
                "spanNulls": False,
                "stacking": {"group": "A", "mode": "normal" if self.stacked else "none"},
                "thresholdsStyle": {"mode": "dashed" if len(self.steps) > 1 else "off"},
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat(Panel):
    """The newest value as a number, coloured by its limits."""

    kind = "stat"
    height = 4

    def queries(self) -> tuple[Target, ...]:
        return _instant(self.targets)

    def options(self) -> Json:
        return {
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": _newest(),
            "textMode": "auto",
            "wideLayout": True,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BarGauge(Panel):
    """The newest value of every series as a bar."""

    kind = "bargauge"

    def queries(self) -> tuple[Target, ...]:
        return _instant(self.targets)

    def options(self) -> Json:
        return {
            "displayMode": "basic",
            "namePlacement": "auto",
            "orientation": "horizontal",
            "reduceOptions": _newest(),
            "showUnfilled": True,
            "sizing": "auto",
            "valueMode": "color",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table: a query whose series have the table's labels."""

    name: str
    expr: str
    unit: str
    steps: tuple[Step, ...] = ()
    meanings: tuple[Meaning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Panel):
    """A row for every set of labels, a column for every query."""

    kind = "table"

    #: label -> what it is called.
    labels: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]

    def queries(self) -> tuple[Target, ...]:
        return tuple(Target(expr=column.expr, instant=True, format="table") for column in self.columns)

    def options(self) -> Json:
        return {"cellHeight": "sm", "showHeader": True}

    def field(self) -> Json:
        return {"color": {"mode": "thresholds"}, "custom": {"align": "auto", "cellOptions": {"type": "auto"}}}

    def overrides(self) -> list[Json]:
        return [_override(column) for column in self.columns]

    def transformations(self) -> list[Json]:
        answers = [f"Value #{letter(number)}" for number in range(len(self.columns))]
        order = [label for label, _ in self.labels] + answers
        names = dict(self.labels) | dict(zip(answers, (column.name for column in self.columns), strict=True))
        return [
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "indexByName": {name: place for place, name in enumerate(order)},
                    "renameByName": names,
                },
            },
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A heading with shelves of panels below it; the panels of a shelf are equally wide and fill it."""

    title: str
    shelves: tuple[tuple[Panel, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A choice at the top: values of a label, several or all of them."""

    name: str
    label: str
    #: `label_values(metric, label)`.
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One dashboard. Its uid is part of links and never changes."""

    uid: str
    title: str
    about: str
    tags: tuple[str, ...]
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]


def thresholds(steps: Sequence[Step]) -> Json:
    """Steps as Grafana writes them."""
    return {"mode": "absolute", "steps": [{"color": step.colour, "value": step.value} for step in steps]}


def mappings(meanings: Sequence[Meaning]) -> list[Json]:
    """Words for values as Grafana writes them."""
    shown = {
        str(meaning.value): {"color": meaning.colour, "index": place, "text": meaning.text}
        for place, meaning in enumerate(meanings)
    }
    return [{"options": shown, "type": "value"}]


def _override(column: Column) -> Json:
    properties: list[Json] = [{"id": "unit", "value": column.unit}]
    if column.steps:
        properties.append({"id": "thresholds", "value": thresholds(column.steps)})
    if column.meanings:
        properties.append({"id": "mappings", "value": mappings(column.meanings)})
    if column.steps or column.meanings:
        properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
    return {"matcher": {"id": "byName", "options": column.name}, "properties": properties}


def _instant(targets: Sequence[Target]) -> tuple[Target, ...]:
    return tuple(Target(expr=target.expr, legend=target.legend, instant=True) for target in targets)


def _newest() -> Json:
    return {"calcs": ["lastNotNull"], "fields": "", "values": False}


def letter(place: int) -> str:
    """The name of a query: A, B, …"""
    return chr(ord("A") + place)
