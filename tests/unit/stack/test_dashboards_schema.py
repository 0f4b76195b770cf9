"""Grafana's own schema reads every dashboard and writes it again: nothing is lost, changed, or of a wrong kind."""

from __future__ import annotations

import enum
import json
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common, prometheus
from grafana_foundation_sdk.models import dashboard as schema

from monops.stack.dashboards import DASHBOARDS, Dashboard, as_json
from monops.stack.dashboards.model import SCHEMA_VERSION

Model = dict[str, Any]
#: Class of the schema -> its attributes and their types.
_ATTRIBUTES: dict[type, dict[str, Any]] = {}

register_default_plugins()


def faults_of(model: Model) -> list[str]:
    """What the schema does not know, or knows otherwise."""
    read = schema.Dashboard.from_json(model)
    written = json.loads(json.dumps(read, cls=JSONEncoder))
    return [*_lost(model, written, "$"), *_misfits(read, schema.Dashboard, "$")]


def _lost(ours: object, theirs: object, path: str) -> Iterator[str]:
    """What is ours and not theirs. The schema may add what it has a value for."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from _lost(value, theirs[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} is unknown"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _lost(one, other, f"{path}[{place}]")
    elif type(ours) is not type(theirs) or ours != theirs:
        yield f"{path} is {theirs!r}, not {ours!r}"


def _misfits(value: object, hint: object, path: str) -> Iterator[str]:
    """Values that are not of the kind that the schema says: the schema's own reader takes any."""
    kind = typing.get_origin(hint)
    if kind in {typing.Union, types.UnionType}:
        # Nothing fits None alone; what is there is told by the other kinds.
        kinds = [one for one in typing.get_args(hint) if (one is type(None)) == (value is None)]
        tried = [list(_misfits(value, one, path)) for one in _alike(value, kinds)]
        yield from min(tried, key=len) if tried else [f"{path} is missing"]
    elif kind is list:
        if not isinstance(value, list):
            yield f"{path} is {value!r}, not a list"
            return
        for place, one in enumerate(value):
            yield from _misfits(one, typing.get_args(hint)[0], f"{path}[{place}]")
    elif kind is typing.Literal:
        if value not in typing.get_args(hint):
            yield f"{path} is {value!r}, not one of {typing.get_args(hint)}"
    elif isinstance(hint, type):
        yield from _misfits_of_class(value, hint, path)


def _misfits_of_class(value: object, hint: Any, path: str) -> Iterator[str]:
    if issubclass(hint, enum.Enum):
        if value not in [one.value for one in hint]:
            yield f"{path} is {value!r}, not one of {hint.__name__}"
    elif hint is Dataquery and not isinstance(value, prometheus.Dataquery):
        yield f"{path} is not a query of Prometheus"
    elif hasattr(value, "to_json"):
        for name, inner in _attributes(value.__class__).items():
            yield from _misfits(getattr(value, name), inner, f"{path}.{name}")
    elif isinstance(value, dict) and hasattr(hint, "from_json"):
        # The schema's reader left it as it was.
        read = hint.from_json(value)
        yield from _lost(value, json.loads(json.dumps(read, cls=JSONEncoder)), path)
        yield from _misfits(read, hint, path)
    elif hasattr(hint, "from_json") or (hint in {str, int, float, bool, type(None)} and not _fits(value, hint)):
        yield f"{path} is {value!r}, not {hint.__name__}"


def _alike(value: object, kinds: list[Any]) -> list[Any]:
    """The kind that the value is of, where it is one of the schema's own; else all."""
    return [kind for kind in kinds if isinstance(kind, type) and type(value) is kind] or kinds


def _fits(value: object, hint: object) -> bool:
    """A whole number is a number, a word of a list is text; true and false are no numbers."""
    return type(value) is hint or (hint is float and type(value) is int) or (hint is str and isinstance(value, str))


def _attributes(known: type) -> dict[str, Any]:
    if known not in _ATTRIBUTES:
        _ATTRIBUTES[known] = typing.get_type_hints(known)
    return _ATTRIBUTES[known]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_grafanas_schema_knows_all_of_it(dashboard: Dashboard) -> None:
    assert faults_of(json.loads(as_json(dashboard))) == []


#: What the schema says of a property that a column may have of its own; it reads them without looking.
PROPERTIES: dict[str, object] = {
    "unit": str,
    "thresholds": schema.ThresholdsConfig,
    "mappings": list[schema.ValueMap],
}


def faults_of_columns(model: Model) -> list[str]:
    """What the schema does not know in the properties of columns."""
    faults: list[str] = []
    for panel in model["panels"]:
        for override in panel.get("fieldConfig", {}).get("overrides", []):
            for found in override["properties"]:
                if found["id"] == "custom.cellOptions":
                    faults += _misfits(found["value"]["type"], common.TableCellDisplayMode, found["id"])
                elif found["id"] in PROPERTIES:
                    faults += _misfits(found["value"], PROPERTIES[found["id"]], found["id"])
                else:
                    faults.append(f"{found['id']} is unknown")
    return faults


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_grafanas_schema_knows_what_columns_have_of_their_own(dashboard: Dashboard) -> None:
    assert faults_of_columns(json.loads(as_json(dashboard))) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("units", "s", "units is unknown"),
        ("thresholds", {"mode": "absolute", "step": []}, "thresholds.step is unknown"),
        ("mappings", [{"type": "value", "options": {}, "result": 1}], "mappings[0].result is unknown"),
        ("custom.cellOptions", {"type": "colour"}, "custom.cellOptions is 'colour'"),
    ],
)
def test_a_planted_fault_in_a_column_is_caught(name: str, value: object, said: str) -> None:
    model: Model = json.loads(as_json(DASHBOARDS[0]))
    first(model, "table")["fieldConfig"]["overrides"][0]["properties"] = [{"id": name, "value": value}]
    assert said in faults_of_columns(model)[0]


def test_the_schema_is_of_the_version_that_is_written() -> None:
    assert schema.Dashboard().schema_version == SCHEMA_VERSION


def first(model: Model, kind: str) -> Model:
    """The first panel of a kind."""
    found: Model = next(panel for panel in model["panels"] if panel["type"] == kind)
    return found


def custom(model: Model) -> Model:
    """How lines are drawn."""
    found: Model = first(model, "timeseries")["fieldConfig"]["defaults"]["custom"]
    return found


FAULTS: dict[str, Callable[[Model], object]] = {
    "$.autoRefresh is unknown": lambda m: m.update(autoRefresh="30s"),
    "$.refresh is 30": lambda m: m.update(refresh=30),
    "$.panels[1].descripton is unknown": lambda m: m["panels"][1].update(descripton="x"),
    "$.panels[1].gridPos.width is unknown": lambda m: m["panels"][1]["gridPos"].update(width=3),
    "targets[0].legend is unknown": lambda m: m["panels"][1]["targets"][0].update(legend="x"),
    "format_val is 'timeseries'": lambda m: m["panels"][1]["targets"][0].update(format="timeseries"),
    "is not a query of Prometheus": lambda m: m["panels"][1]["datasource"].update(type="made-up"),
    "defaults.units is unknown": lambda m: first(m, "stat")["fieldConfig"]["defaults"].update(units="s"),
    "steps[0].colour is unknown": lambda m: first(m, "stat")["fieldConfig"]["defaults"]["thresholds"]["steps"][
        0
    ].update(colour="red"),
    "options.graphmode is unknown": lambda m: first(m, "stat")["options"].update(graphmode="none"),
    "graph_mode is 'sparkline'": lambda m: first(m, "stat")["options"].update(graphMode="sparkline"),
    "calcs is 'mean'": lambda m: first(m, "stat")["options"]["reduceOptions"].update(calcs="mean"),
    "options.display is unknown": lambda m: first(m, "bargauge")["options"].update(display="lcd"),
    "display_mode is 'retro'": lambda m: first(m, "bargauge")["options"].update(displayMode="retro"),
    "cell_height is 'xl'": lambda m: first(m, "table")["options"].update(cellHeight="xl"),
    "transformations[0].name is unknown": lambda m: first(m, "table")["transformations"][0].update(name="x"),
    "custom.lineWitdh is unknown": lambda m: custom(m).update(lineWitdh=1),
    "draw_style is 'lines'": lambda m: custom(m).update(drawStyle="lines"),
    "line_width is '1'": lambda m: custom(m).update(lineWidth="1"),
    "stacking.groups is unknown": lambda m: custom(m)["stacking"].update(groups="A"),
    "list[1].definition is unknown": lambda m: m["templating"]["list"][1].update(definition="x"),
    "list_val[1].include_all is 1": lambda m: m["templating"]["list"][1].update(includeAll=1),
    "links[0].dropdown is unknown": lambda m: m["links"][0].update(dropdown=True),
    "type_val is 'dashboard'": lambda m: m["links"][0].update(type="dashboard"),
}


@pytest.mark.parametrize("said", FAULTS)
def test_a_planted_fault_is_caught(said: str) -> None:
    model: Model = json.loads(as_json(DASHBOARDS[0]))
    FAULTS[said](model)
    found = faults_of(model)
    assert found
    assert any(said in fault for fault in found), found
