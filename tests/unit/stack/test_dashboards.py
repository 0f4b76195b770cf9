"""The builder of dashboards, and the reader of PromQL that holds them against the rules."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.stack.promql import Selector, selectors

import monops.stack.dashboards
from monops.stack.dashboards import DASHBOARDS, Dashboard, as_json
from monops.stack.dashboards.panel import (
    Column,
    Meaning,
    Panel,
    Row,
    Stat,
    Step,
    Table,
    Target,
    TimeSeries,
    Variable,
)
from monops.stack.dashboards.shared import limit, limits, or_zero, recorded


def stat(title: str = "Up") -> Stat:
    """A panel to place."""
    return Stat(title=title, about="Worry at 0.", unit="short", targets=(Target(expr="sum(up)", legend="up"),))


def lines(title: str = "Up over time") -> TimeSeries:
    """A higher one."""
    return TimeSeries(title=title, about="Worry at 0.", unit="short", targets=(Target(expr="up", legend="{{job}}"),))


def model(*shelves: tuple[Panel, ...]) -> dict[str, Any]:
    """A dashboard of one row, as Grafana reads it."""
    dashboard = Dashboard(
        uid="try-out",
        title="Try",
        about="A try.",
        tags=("try",),
        variables=(Variable(name="job", label="Job", query="label_values(up, job)"),),
        rows=(Row(title="First", shelves=shelves),),
    )
    found: dict[str, Any] = json.loads(as_json(dashboard))
    return found


def test_panels_of_a_shelf_share_its_width_and_the_highest_makes_its_height() -> None:
    found = model((stat("a"), lines("b"), stat("c")), (lines("d"), lines("e")))
    places = [tuple(panel["gridPos"][key] for key in "xywh") for panel in found["panels"]]
    assert places == [(0, 0, 24, 1), (0, 1, 8, 8), (8, 1, 8, 8), (16, 1, 8, 8), (0, 9, 12, 8), (12, 9, 12, 8)]
    assert [panel["id"] for panel in found["panels"]] == [1, 2, 3, 4, 5, 6]


def test_a_shelf_that_cannot_be_shared_evenly_is_refused() -> None:
    with pytest.raises(ValueError, match="5 panels do not fill a shelf of 'First' evenly"):
        model(tuple(stat(str(number)) for number in range(5)))


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_the_file_is_the_same_every_time_and_easy_to_compare(dashboard: Dashboard) -> None:
    text = as_json(dashboard)
    assert text == as_json(dashboard)
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_a_table_names_its_columns_after_its_queries() -> None:
    table = Table(
        title="Jobs",
        about="Worry at 0.",
        unit="short",
        labels=(("job", "Job"),),
        columns=(
            Column(name="Up", expr="sum by (job) (up)", unit="short", meanings=(Meaning(0, "none", "red"),)),
            Column(name="Slowest", expr="max by (job) (scrape_duration_seconds)", unit="s"),
        ),
    )
    panel = model((table,))["panels"][1]
    organized = panel["transformations"][1]["options"]
    assert organized["renameByName"] == {"job": "Job", "Value #A": "Up", "Value #B": "Slowest"}
    assert organized["indexByName"] == {"job": 0, "Value #A": 1, "Value #B": 2}
    assert [target["refId"] for target in panel["targets"]] == ["A", "B"]
    assert {target["format"] for target in panel["targets"]} == {"table"}
    assert [override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]] == ["Up", "Slowest"]


def test_only_lines_ask_for_the_whole_time() -> None:
    asked = [panel["targets"][0] for panel in model((stat(), lines()))["panels"][1:]]
    assert [(target["instant"], target["range"]) for target in asked] == [(True, False), (False, True)]


def test_what_no_rule_records_cannot_be_shown() -> None:
    assert recorded("api:errors:ratio_rate5m") == "api:errors:ratio_rate5m"
    with pytest.raises(KeyError, match="no recording rule is called api:errors"):
        recorded("api:errors")


@pytest.mark.parametrize(
    ("alert", "operator", "number"),
    [
        ("HighCpuUsage", ">", 0.8),
        ("QuotaExceeded", ">=", 1),
        ("DiskSpaceLow", "<", 0.1),
        ("BackupStale", ">", 26 * 3600),
        ("SessionExpiringSoon", "<", 24 * 3600),
        ("BrowserWorkerDown", "==", 0),
    ],
)
def test_the_limit_of_an_alert_is_read_from_its_expression(alert: str, operator: str, number: float) -> None:
    assert limit(alert) == (operator, number)


def test_an_alert_without_a_comparison_has_no_limit() -> None:
    with pytest.raises(ValueError, match="Watchdog does not end with a comparison"):
        limit("Watchdog")
    with pytest.raises(KeyError):
        limit("NoSuchAlert")


def test_colours_follow_the_alerts() -> None:
    base = Step(None, "green")
    assert limits("HighCpuUsage") == (base, Step(0.8, "orange"))
    assert limits("QuotaAlmostExceeded", "QuotaExceeded") == (base, Step(0.9, "orange"), Step(1, "red"))
    assert limits("DiskSpaceLow") == (Step(None, "red"), Step(0.1, "green"))
    assert limits("NoActiveAccounts") == (Step(None, "red"), Step(1, "green"))
    assert limits("SessionExpired") == (base, Step(0.001, "red"))


def test_selectors_are_found_with_what_is_around_them() -> None:
    expr = (
        'sum by (a, le) (rate(x_total{b=~"c|)"}[$__rate_interval])) / on (a) group_left scalar(y:z) or on () vector(0)'
    )
    assert selectors(expr) == [
        Selector("x_total", 'b=~"c|)"', "$__rate_interval", ("sum", "rate")),
        Selector("y:z", "", "", ("scalar",)),
    ]
    assert selectors("max(up) by (job) > 1e3") == [Selector("up", "", "", ("max",))]
    assert selectors(or_zero("count(up == 0)")) == [Selector("up", "", "", ("count",))]


def test_the_library_that_checks_is_not_needed_to_run() -> None:
    folder = Path(monops.stack.dashboards.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [
                name
                for name in named
                if name.split(".")[0]
                not in {"monops", "__future__", "collections"} | {"dataclasses", "json", "math", "re", "typing"}
            ], path
