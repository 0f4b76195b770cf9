"""Rules that a dashboard is held against: those of Grafana's dashboard-linter that make sense here, and our own.

Each takes Grafana's model of a dashboard and says what is wrong with it. One rule of the linter is turned round: its
uneditable-dashboard wants what nobody may change; ours are to be copied and changed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

from grafana_foundation_sdk.models import units
from tests.unit.stack.promql import AGGREGATIONS, Selector, selectors

from monops.stack.alerts import records
from monops.stack.metrics import BACKUP_METRICS, BROWSER_WORKERS, CONTRACT

Model = dict[str, Any]
Rule = Callable[[Model], list[str]]

DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
#: Functions that a counter may be in; `resets` counts how often it began anew.
OF_COUNTERS = {"rate", "increase", "irate", "resets"}
UNITS = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")}
RECORDED = {record.name for record in records()}
GAUGES = {metric.name for metric in (*CONTRACT, *BACKUP_METRICS) if metric.kind == "gauge"}
OURS = {name for metric in (*CONTRACT, *BACKUP_METRICS) for name in metric.series}
#: What exporters and Prometheus itself expose.
EXPORTED = re.compile(
    r"(node|redis|container|prometheus|alertmanager|process|go)_\w+|up|ALERTS|scrape_duration_seconds"
)
ZERO = "or on () vector(0)"


def panels(model: Model) -> list[Model]:
    """Every panel that shows something."""
    return [panel for panel in model["panels"] if panel["type"] != "row"]


def targets(model: Model) -> Iterator[tuple[Model, Model]]:
    """Every query, with its panel."""
    for panel in panels(model):
        for target in panel.get("targets", []):
            yield panel, target


def asked(model: Model) -> Iterator[tuple[str, Selector]]:
    """Every metric of every query, with the panel's title. What cannot be read is another rule's matter."""
    for panel, target in targets(model):
        try:
            yield from ((panel["title"], selector) for selector in selectors(target["expr"]))
        except ValueError:
            continue


def choices(model: Model) -> list[Model]:
    """The variables that are values of a label."""
    return [variable for variable in model["templating"]["list"] if variable["type"] == "query"]


def basics(model: Model) -> list[str]:
    """What every dashboard has in common."""
    wanted = {
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
    }
    faults = [f"{key} is {model.get(key)!r}" for key, value in wanted.items() if model.get(key) != value]
    faults += [f"{key} must not be there" for key in ("id", "__inputs", "__requires", "version") if key in model]
    if not 39 <= model["schemaVersion"] <= 41:
        faults.append("schemaVersion is none that Grafana 11.6 and 12 both read")
    if not re.fullmatch(r"[a-z][a-z-]{7,39}", model["uid"]):
        faults.append(f"uid is {model['uid']!r}")
    if not model["description"]:
        faults.append("no description")
    linked = {tag for link in model["links"] if link["type"] == "dashboards" for tag in link["tags"]}
    if not linked or not linked <= set(model["tags"]):
        faults.append("the links do not lead here")
    return faults


def template_datasource(model: Model) -> list[str]:
    """One data source, chosen at the top."""
    found = [variable for variable in model["templating"]["list"] if variable["type"] == "datasource"]
    if [(v["name"], v["label"], v["query"]) for v in found] != [("datasource", "Data source", "prometheus")]:
        return ["there is not exactly one variable for the data source"]
    return []


def no_fixed_datasource(model: Model) -> list[str]:
    """Wherever a data source is named, it is the chosen one; and it is named wherever something is asked."""
    faults = [f"{path} is {value!r}" for path, value in _named("datasource", model) if value != DATA_SOURCE]
    asking = [*panels(model), *(target for _, target in targets(model)), *choices(model)]
    return faults + [
        f"{one.get('title') or one.get('name')}: no data source" for one in asking if "datasource" not in one
    ]


def _named(key: str, value: object, path: str = "$") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield f"{path}.{name}", inner
            yield from _named(key, inner, f"{path}.{name}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _named(key, inner, f"{path}[{place}]")


def template_variables(model: Model) -> list[str]:
    """Several or all values can be chosen, they follow the time range, and every variable is used and declared."""
    wanted = {"multi": True, "includeAll": True, "allValue": ".*", "refresh": 2}
    faults = [
        f"{variable['name']}: {key} is {variable.get(key)!r}"
        for variable in choices(model)
        for key, value in wanted.items()
        if variable.get(key) != value
    ]
    for variable in choices(model):
        found = re.fullmatch(r"label_values\((.+), [a-z_]+\)", variable["query"]["query"])
        if not found or not _is_known(selectors(found[1])[0].name) or not variable.get("label"):
            faults.append(f"{variable['name']} does not ask for the values of a label")
    used = {name for _, target in targets(model) for name in re.findall(r"\$\{?([a-z]\w*)", target["expr"])}
    declared = {variable["name"] for variable in choices(model)}
    return faults + [f"${name} is not both declared and used" for name in used ^ declared]


def panel_title_description(model: Model) -> list[str]:
    """A title that is there once, and a description that says when to worry."""
    titles = [panel.get("title", "") for panel in panels(model)]
    faults = [f"{title!r} is the title of several" for title in set(titles) if titles.count(title) > 1 or not title]
    return faults + [
        f"{panel.get('title')}: does not say when to worry"
        for panel in panels(model)
        if not re.search(r"\b(worry|too many|each needs)\b", panel.get("description", "").lower())
    ]


def panel_units(model: Model) -> list[str]:
    """A unit that Grafana knows, in columns too; a ratio has a scale from 0 to 1."""
    faults = []
    for panel in panels(model):
        defaults = panel["fieldConfig"]["defaults"]
        properties = [found for override in panel["fieldConfig"]["overrides"] for found in override["properties"]]
        shown = [defaults.get("unit"), *(found["value"] for found in properties if found["id"] == "unit")]
        faults += [f"{panel['title']}: the unit {unit!r}" for unit in shown if unit not in UNITS - {"none"}]
        if defaults.get("unit") == "percentunit" and (defaults.get("min"), defaults.get("max")) != (0, 1):
            faults.append(f"{panel['title']}: a share without a scale from 0 to 1")
    return faults


def panel_no_targets(model: Model) -> list[str]:
    """Something is asked; lines over their time, the rest at its end; queries have names of their own."""
    faults = [f"{panel['title']}: asks nothing" for panel in panels(model) if not panel.get("targets")]
    for panel in panels(model):
        names = [target["refId"] for target in panel.get("targets", [])]
        if len(set(names)) < len(names):
            faults.append(f"{panel['title']}: two queries with one name")
    for panel, target in targets(model):
        instant = panel["type"] != "timeseries"
        if (target["instant"], target["range"]) != (instant, not instant):
            faults.append(f"{panel['title']}: asks for the wrong times")
    return faults


def target_promql(model: Model) -> list[str]:
    """What cannot be PromQL. Prometheus itself is asked elsewhere."""
    faults = []
    for panel, target in targets(model):
        try:
            found = selectors(target["expr"])
        except ValueError as fault:
            faults.append(f"{panel['title']}: {fault}")
            continue
        if not found:
            faults.append(f"{panel['title']}: asks for no metric")
        if "histogram_quantile" in target["expr"] and not re.search(r"by \([^)]*\ble\b", target["expr"]):
            faults.append(f"{panel['title']}: a quantile without le")
    return faults


def target_rate_interval(model: Model) -> list[str]:
    """Grafana chooses the range of every rate, and a rule's result is not rated again."""
    faults = []
    for title, selector in asked(model):
        if {"rate", "increase", "irate"} & set(selector.inside[-1:]):
            if selector.window != "$__rate_interval":
                faults.append(f"{title}: {selector.name}[{selector.window}]")
            if selector.name in RECORDED:
                faults.append(f"{title}: a rate of {selector.name}")
    return faults


def target_counter_agg(model: Model) -> list[str]:
    """A counter is only of use as a rate, and a rate only aggregated: series come and go with their labels."""
    faults = []
    for title, selector in asked(model):
        if not _is_counter(selector.name):
            continue
        if not selector.inside or selector.inside[-1] not in OF_COUNTERS or not selector.window:
            faults.append(f"{title}: {selector.name} is a counter")
        elif not AGGREGATIONS & set(selector.inside):
            faults.append(f"{title}: {selector.name} is not aggregated")
    return faults


def target_filters(model: Model) -> list[str]:
    """What is chosen at the top counts in every query that it can mean."""
    return [
        f"{title}: {selector.name} without {matcher}"
        for title, selector in asked(model)
        for matcher in _wanted_matchers(model["uid"], selector.name)
        if matcher not in selector.matchers.split(", ")
    ]


def _wanted_matchers(uid: str, name: str) -> tuple[str, ...]:
    provider, instance, container = 'provider=~"$provider"', 'instance=~"$instance"', 'name=~"$name"'
    if uid == "ai-orchestrator":
        metric = next((metric for metric in CONTRACT if name in metric.series), None)
        by_provider = "provider" in metric.labels if metric else name.startswith("provider:")
        of_worker = metric.job == BROWSER_WORKERS if metric else name == "up"
        return (provider,) * by_provider + (instance,) * of_worker
    wanted = {
        "monops-host": ((r"node_|instance:", (instance,)),),
        "monops-containers": ((r"container_", ('name!=""', container)), (r"name:", (container,))),
        "monops-redis": ((r"redis_", (instance,)),),
        # The build's version is only asked which processes are a Prometheus.
        "monops-prometheus": ((r"prometheus_(?!build_info)|process_|go_", (instance,)),),
        "monops-backups": ((r"monops_backup_(?!last_duration)", ('source=~"$source"',)),),
    }
    return next((matchers for pattern, matchers in wanted[uid] if re.match(pattern, name)), ())


def target_legend(model: Model) -> list[str]:
    """Every line has a name, and one that may have no labels has a word in it."""
    faults = []
    for panel, target in targets(model):
        legend = target.get("legendFormat", "")
        if panel["type"] != "table" and not legend:
            faults.append(f"{panel['title']}: a query without a legend")
        if ZERO in target["expr"] and panel["type"] == "timeseries" and not re.sub(r"\{\{\w+\}\}", "", legend).strip():
            faults.append(f"{panel['title']}: a legend that may be empty")
    return faults


def known_metrics(model: Model) -> list[str]:
    """Of the application, only what the contract promises; of recorded ones, only what a rule records."""
    return [f"{title}: {selector.name}" for title, selector in asked(model) if not _is_known(selector.name)]


def _is_known(name: str) -> bool:
    return name in OURS or name in RECORDED or bool(EXPORTED.fullmatch(name))


def _is_counter(name: str) -> bool:
    return name not in GAUGES and name.endswith(("_total", "_bucket", "_sum", "_count"))


def thresholds(model: Model) -> list[str]:
    """Steps rise, from one without a value."""
    faults = []
    for panel in panels(model):
        properties = [found for override in panel["fieldConfig"]["overrides"] for found in override["properties"]]
        ours = [panel["fieldConfig"]["defaults"]["thresholds"]]
        for one in ours + [found["value"] for found in properties if found["id"] == "thresholds"]:
            first, *rest = [step["value"] for step in one["steps"]]
            if first is not None or None in rest or sorted(set(rest)) != rest:
                faults.append(f"{panel['title']}: steps at {[first, *rest]}")
    return faults


def grid(model: Model) -> list[str]:
    """Panels have numbers of their own, are within the 24 columns, and none covers another."""
    numbers = [panel["id"] for panel in model["panels"]]
    faults = [] if len(set(numbers)) == len(numbers) else ["two panels with one number"]
    places = [(panel["title"], panel["gridPos"]) for panel in model["panels"]]
    for title, place in places:
        if place["x"] < 0 or place["w"] < 1 or place["h"] < 1 or place["x"] + place["w"] > 24:
            faults.append(f"{title} is out of the grid")
    for (title, one), (other_title, other) in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        if not beside and not below:
            faults.append(f"{title} covers {other_title}")
    return faults


RULES: tuple[Rule, ...] = (
    basics,
    template_datasource,
    no_fixed_datasource,
    template_variables,
    panel_title_description,
    panel_units,
    panel_no_targets,
    target_promql,
    target_rate_interval,
    target_counter_agg,
    target_filters,
    target_legend,
    known_metrics,
    thresholds,
    grid,
)
