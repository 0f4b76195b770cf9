"""All dashboards keep all rules, and every rule catches what it is there for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.stack import dashboard_rules as rules
from tests.unit.stack.dashboard_rules import Model, Rule
from tests.unit.stack.promql import selectors

from monops.stack.alerts import alerts, records
from monops.stack.dashboards import DASHBOARDS, as_json
from monops.stack.metrics import CONTRACT

MODELS: dict[str, Model] = {dashboard.uid: json.loads(as_json(dashboard)) for dashboard in DASHBOARDS}
MAIN, HOST, CONTAINERS, REDIS = "ai-orchestrator", "monops-host", "monops-containers", "monops-redis"
PROMETHEUS, BACKUPS = "monops-prometheus", "monops-backups"


def fresh(uid: str = MAIN) -> Model:
    """A copy to break."""
    copied: Model = json.loads(json.dumps(MODELS[uid]))
    return copied


def panel(model: Model, title: str) -> Model:
    """The panel of the title."""
    return next(one for one in rules.panels(model) if one["title"] == title)


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("uid", MODELS)
def test_every_dashboard_keeps_every_rule(uid: str, rule: Rule) -> None:
    assert rule(MODELS[uid]) == []


def test_uids_and_titles_are_unique_and_stay() -> None:
    assert list(MODELS) == [MAIN, HOST, CONTAINERS, REDIS, PROMETHEUS, BACKUPS]
    assert len({model["title"] for model in MODELS.values()}) == len(MODELS)
    assert MODELS[MAIN]["title"] == "AI CLI Orchestrator"


LATENCY = "Request latency by worker (P95)"
REQUESTS = "Requests per minute by provider"


def asking(expr: str) -> Callable[[Model], None]:
    """Plants an expression."""

    def plant(model: Model) -> None:
        panel(model, REQUESTS)["targets"][0]["expr"] = expr

    return plant


def setting(title: str, *path: str | int, to: object) -> Callable[[Model], None]:
    """Plants a value in a panel."""

    def plant(model: Model) -> None:
        place: Any = panel(model, title)
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return plant


def variable(place: int, key: str, to: object) -> Callable[[Model], None]:
    """Plants a value in a variable."""

    def plant(model: Model) -> None:
        model["templating"]["list"][place][key] = to

    return plant


WORKER = '{provider=~"$provider", instance=~"$instance"}'
FAULTS: tuple[tuple[Rule, str, Callable[[Model], object]], ...] = (
    (rules.basics, "refresh", lambda model: model.update(refresh="5m")),
    (rules.basics, "time", lambda model: model["time"].update({"from": "now-1h"})),
    (rules.basics, "editable", lambda model: model.update(editable=False)),
    (rules.basics, "__inputs", lambda model: model.update(__inputs=[])),
    (rules.basics, "id must", lambda model: model.update(id=1)),
    (rules.basics, "schemaVersion", lambda model: model.update(schemaVersion=16)),
    (rules.basics, "links", lambda model: model["links"][0].update(tags=["elsewhere"])),
    (rules.template_datasource, "data source", variable(0, "name", "source")),
    (rules.template_datasource, "data source", lambda model: model["templating"]["list"].pop(0)),
    (rules.no_fixed_datasource, "prometheus", setting(REQUESTS, "datasource", "uid", to="prometheus")),
    (rules.no_fixed_datasource, "Prom", setting(REQUESTS, "targets", 0, "datasource", to="Prom")),
    (rules.no_fixed_datasource, "list[1]", variable(1, "datasource", {"type": "prometheus", "uid": "abc"})),
    (rules.no_fixed_datasource, "no data source", lambda model: panel(model, REQUESTS).pop("datasource")),
    (rules.template_variables, "multi", variable(1, "multi", False)),
    (rules.template_variables, "allValue", variable(1, "allValue", None)),
    (rules.template_variables, "refresh", variable(1, "refresh", 1)),
    (rules.template_variables, "values of a label", variable(1, "query", {"query": "requests_total"})),
    (rules.template_variables, "values of a label", variable(1, "query", {"query": "label_values(nothing, a)"})),
    (rules.template_variables, "$region", asking('sum(requests_total{region=~"$region"})')),
    (rules.template_variables, "$unused", variable(1, "name", "unused")),
    (rules.panel_title_description, "several", setting(REQUESTS, "title", to="Error rate")),
    (rules.panel_title_description, "worry", setting(REQUESTS, "description", to="Requests in a minute.")),
    (rules.panel_units, "'requests'", setting(REQUESTS, "fieldConfig", "defaults", "unit", to="requests")),
    (rules.panel_units, "None", lambda model: panel(model, REQUESTS)["fieldConfig"]["defaults"].pop("unit")),
    (rules.panel_units, "scale", setting("Error rate", "fieldConfig", "defaults", "max", to=100)),
    (rules.panel_no_targets, "nothing", setting(REQUESTS, "targets", to=[])),
    (rules.panel_no_targets, "wrong times", setting(REQUESTS, "targets", 0, "instant", to=True)),
    (rules.panel_no_targets, "one name", setting("Jobs per minute", "targets", 1, "refId", to="A")),
    (rules.target_promql, "not closed", asking("sum(rate(requests_total[5m])")),
    (rules.target_promql, "too many", asking("sum(rate(requests_total[5m])))")),
    (rules.target_promql, "cannot be read", asking('sum(requests_total{provider="a)')),
    (rules.target_promql, "too early", asking("sum(up) or")),
    (rules.target_promql, "without le", asking("histogram_quantile(0.9, sum by (a) (rate(b_bucket[1m])))")),
    (rules.target_rate_interval, "[5m]", asking(f"sum(rate(requests_total{WORKER}[5m]))")),
    (rules.target_rate_interval, "a rate of", asking("sum(rate(api:errors:ratio_rate5m[$__rate_interval]))")),
    (rules.target_counter_agg, "is a counter", asking(f"sum(requests_total{WORKER})")),
    (rules.target_counter_agg, "is a counter", asking(f"sum(delta(requests_total{WORKER}[5m]))")),
    (rules.target_counter_agg, "not aggregated", asking(f"rate(requests_total{WORKER}[$__rate_interval])")),
    (rules.target_filters, "$provider", asking('sum(rate(requests_total{instance=~"$instance"}[1m]))')),
    (rules.target_filters, "$instance", asking('sum(rate(requests_total{provider=~"$provider"}[1m]))')),
    (rules.target_filters, "quota_daily_used", asking("sum(quota_daily_used)")),
    (rules.target_filters, "provider:", asking("provider:quota_daily_used:ratio")),
    (rules.target_legend, "without a legend", lambda model: panel(model, REQUESTS)["targets"][0].pop("legendFormat")),
    (rules.target_legend, "may be empty", setting("Job failure rate", "targets", 0, "legendFormat", to="{{queue}}")),
    (rules.known_metrics, "request_total", asking(f"sum(rate(request_total{WORKER}[1m]))")),
    (rules.known_metrics, "provider:latency:p95", asking("provider:latency:p95")),
    (
        rules.thresholds,
        "steps",
        setting(REQUESTS, "fieldConfig", "defaults", "thresholds", to={"steps": [{"value": 0}]}),
    ),
    (rules.grid, "one number", setting(REQUESTS, "id", to=1)),
    (rules.grid, "out of the grid", setting(LATENCY, "gridPos", "w", to=25)),
    (rules.grid, "covers", setting(LATENCY, "gridPos", "h", to=9)),
)


@pytest.mark.parametrize(("rule", "said", "plant"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_every_rule_catches_a_planted_fault(rule: Rule, said: str, plant: Callable[[Model], object]) -> None:
    model = fresh()
    plant(model)
    found = rule(model)
    assert found
    assert any(said in fault for fault in found), found


def test_every_rule_has_a_planted_fault() -> None:
    assert {rule for rule, _, _ in FAULTS} == set(rules.RULES)


@pytest.mark.parametrize(
    ("uid", "old", "new"),
    [
        (HOST, '{instance=~"$instance"}', ""),
        (CONTAINERS, 'name!="", ', ""),
        (REDIS, 'redis_up{instance=~"$instance"}', "redis_up"),
        (PROMETHEUS, 'prometheus_tsdb_head_series{instance=~"$instance"}', "prometheus_tsdb_head_series"),
        (BACKUPS, '{source=~"$source"}', ""),
    ],
)
def test_filters_of_the_other_dashboards_are_caught(uid: str, old: str, new: str) -> None:
    text = json.dumps(MODELS[uid])
    assert json.dumps(old)[1:-1] in text
    assert rules.target_filters(json.loads(text.replace(json.dumps(old)[1:-1], new)))


#: What the setup document lists, and the panel that shows it.
DOCUMENTED = (
    (MAIN, "System overview: workers", "Browser workers up"),
    (MAIN, "System overview: accounts", "Active accounts"),
    (MAIN, "System overview: queue", "Queue depth"),
    (MAIN, "Requests per minute by provider", "Requests per minute by provider"),
    (MAIN, "Success rate by provider", "Success rate by provider"),
    (MAIN, "Quota usage (real-time)", "Quota usage"),
    (MAIN, "Request latency (P95)", "Request latency (P95)"),
    (MAIN, "Error rate", "Error rate"),
    (MAIN, "CPU & memory usage", "CPU usage"),
    (MAIN, "CPU & memory usage", "Memory usage"),
    (MAIN, "Active sessions", "Active sessions"),
    (HOST, "CPU Usage: per core and total", "CPU by core"),
    (HOST, "CPU Usage: per core and total", "CPU usage"),
    (HOST, "Memory Usage: total, available, cached", "Memory"),
    (HOST, "Disk Space: available, used", "File systems"),
    (HOST, "Disk Space: I/O", "Disk reads and writes"),
    (HOST, "Network: bytes sent/received", "Network traffic"),
    (HOST, "Network: errors", "Network errors and drops"),
    (CONTAINERS, "Container CPU", "Container CPU"),
    (CONTAINERS, "Container Memory", "Container memory"),
    (CONTAINERS, "Container Network", "Container network, received"),
    (CONTAINERS, "Container Network", "Container network, sent"),
    (CONTAINERS, "Container Filesystem", "Container filesystem"),
    (REDIS, "Connected Clients", "Connected clients"),
    (REDIS, "Used Memory", "Used memory"),
    (REDIS, "Commands Processed: commands per second", "Commands per second"),
    (REDIS, "Keyspace: number of keys", "Keyspace"),
)


@pytest.mark.parametrize(("uid", "documented", "title"), DOCUMENTED)
def test_everything_the_document_lists_is_shown(uid: str, documented: str, title: str) -> None:
    assert panel(MODELS[uid], title)["targets"], documented


def test_every_metric_of_the_application_is_shown() -> None:
    shown = {selector.name for model in MODELS.values() for _, selector in rules.asked(model)}
    recorded = {record.name: record.expr for record in records()}
    behind = {selector.name for name in shown & set(recorded) for selector in selectors(recorded[name])}
    # A histogram is shown by its buckets.
    parts = {name for metric in CONTRACT if metric.buckets for name in metric.series[1:]}
    assert rules.OURS - parts <= shown | behind
    assert set(recorded) <= shown


#: The numbers of the setup document's alerts, and of ours.
LIMITS = (
    (MAIN, "CPU usage", [0.8]),
    (MAIN, "Memory usage", [0.9]),
    (MAIN, "Error rate", [0.1]),
    (MAIN, "Success rate by provider", [0.9]),
    (MAIN, "Request latency (P95)", [30]),
    (MAIN, "Queue depth", [100]),
    (MAIN, "Jobs in the queue", [100]),
    (MAIN, "Job failure rate", [0.1]),
    (MAIN, "API error rate", [0.1]),
    (MAIN, "Quota usage", [0.9, 1]),
    (MAIN, "Active accounts", [1]),
    (MAIN, "Time until the next session ends", [24 * 3600]),
    (HOST, "CPU usage", [0.8]),
    (HOST, "Memory usage", [0.9]),
    (HOST, "Free disk space by mount point", [0.1]),
    (CONTAINERS, "Memory against limit", [0.9]),
    (REDIS, "Redis up", [1]),
    (BACKUPS, "Age of the newest backup", [26 * 3600]),
    (BACKUPS, "Last run", [1]),
)


@pytest.mark.parametrize(("uid", "title", "limits"), LIMITS)
def test_limits_are_those_of_the_alerts(uid: str, title: str, limits: list[float]) -> None:
    steps = panel(MODELS[uid], title)["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps[1:]] == limits


def test_alerts_that_a_description_names_exist() -> None:
    ours = {alert.name for alert in alerts()}
    texts = [one["description"] for model in MODELS.values() for one in rules.panels(model)]
    named = {word for text in texts for word in re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", text)}
    assert named - ours == set()
    assert len(named) > 20
