"""Every expression of the rules and dashboards that ship finds something on a stack that runs: none of them is dead.

What is asked is what `monops init` wrote to disk, with Grafana's variables filled in as Grafana does. An answer must be
there even without `or on () vector(0)`, and before it is compared with a limit; so must be whatever is selected. And
what the application's services expose is what the metric contract says.
"""

from __future__ import annotations

import json
import re
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
import yaml
from tests.integration.fixtures import engine_problem
from tests.integration.shipped import Shipped, wait_until_well, written_stack
from tests.integration.support import eventually, wait_until
from tests.integration.web import fetch

from monops.stack.alerts import GROUPS
from monops.stack.dashboards import DASHBOARDS
from monops.stack.metrics import APPLICATION_JOBS, BACKUP_METRICS, CONTRACT, Metric

pytestmark = [pytest.mark.engine, pytest.mark.slow]

#: What Grafana fills in at most zoom here, where Prometheus asks every second: for rates four of these. A step that a
#: query names is the usual second one, of 15 s.
GIVEN = {"$__rate_interval": "4s", "$__interval": "1s", "$__range": "30s", ":15s": ":1s"}
#: How far back a panel looks here, in seconds.
BACK = 30
#: A comparison, outside of selectors: these have no space behind the operator.
_COMPARISON = re.compile(r" (>=|<=|==|!=|>|<) ")
_OR_ZERO = " or on () vector(0)"


@dataclass(frozen=True)
class Query:
    """An expression, and where it is from."""

    where: str
    expr: str
    #: Whether it is asked for a line over time instead of a value now.
    over_time: bool = False
    #: Whether it only answers while something is wrong.
    is_alert: bool = False

    @property
    def core(self) -> str:
        """The expression where a comparison is 0 or 1 and leaves nothing out, without its answer for want of one."""
        return _COMPARISON.sub(r" \1 bool ", self.expr.removesuffix(_OR_ZERO))


# --- asking ----------------------------------------------------------------------------------------


class Refused(Exception):
    """Prometheus cannot make sense of what was asked."""


def _ask(shipped: Shipped, path: str, words: Mapping[str, str | float]) -> Any:
    """Raises Refused."""
    try:
        return fetch(f"{shipped.prometheus}/api/v1/{path}?{urllib.parse.urlencode(words)}")["data"]
    except HTTPError as error:
        raise Refused(json.loads(error.read())["error"]) from error


def _selectors(tree: Any) -> Iterator[str]:
    """What a parsed expression selects, each as an expression of its own."""
    if isinstance(tree, dict):
        if tree.get("type") in ("vectorSelector", "matrixSelector"):
            matchers = (f"{one['name']}{one['type']}{json.dumps(one['value'])}" for one in tree["matchers"])
            yield f"{{{', '.join(matchers)}}}"
        for inner in tree.values():
            yield from _selectors(inner)
    elif isinstance(tree, list):
        for inner in tree:
            yield from _selectors(inner)


def _answers(shipped: Shipped, expr: str, *, over_time: bool) -> bool:
    """Whether there is at least one series. Raises Refused."""
    if not over_time:
        return bool(_ask(shipped, "query", {"query": expr})["result"])
    now = time.time()
    period = {"start": now - BACK, "end": now, "step": 1}
    return bool(_ask(shipped, "query_range", {"query": expr, **period})["result"])


def faults(shipped: Shipped, query: Query) -> list[str]:
    """Why the expression is dead, as far as it is."""
    try:
        tree = _ask(shipped, "parse_query", {"query": query.expr})
        dead = [f"nothing is {one}" for one in _selectors(tree) if not _ask(shipped, "query", {"query": one})["result"]]
        if not _answers(shipped, query.expr, over_time=query.over_time) and not query.is_alert:
            dead.append("no answer")
        if not query.expr.startswith("absent(") and not _answers(shipped, query.core, over_time=query.over_time):
            dead.append("no answer of its own")
    except Refused as refused:
        return [f"{query.where}: {refused}: {query.expr}"]
    return [f"{query.where}: {why}: {query.expr}" for why in dead]


def lasting(look: Callable[[], list[str]]) -> list[str]:
    """Faults that are there every time: an answer that came too late leaves out a moment, and what is dead stays so."""
    found = look()
    for _ in range(4):
        if not found:
            break
        time.sleep(2)
        again = look()
        found = [fault for fault in found if fault in again]
    return found


# --- what there is to ask --------------------------------------------------------------------------


def rule_queries(path: Path) -> Iterator[Query]:
    """The expressions of a rule file, and what is recorded of them."""
    for group in yaml.safe_load(path.read_text())["groups"]:
        for rule in group["rules"]:
            if "record" in rule:
                yield Query(rule["record"], rule["expr"])
                yield Query(rule["record"], rule["record"])
            else:
                yield Query(rule["alert"], rule["expr"], is_alert=True)


def variable_queries(model: Any) -> Iterator[tuple[str, str, str]]:
    """A dashboard's variables: name, what is selected, and the label whose values are meant."""
    for variable in model["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert found, variable
            yield variable["name"], found[1], found[2]


def panel_queries(model: Any, values: dict[str, list[str]]) -> Iterator[Query]:
    """The expressions of a dashboard, with the variables filled in: several values become a pattern."""
    chosen = {f"${name}": f"({'|'.join(map(_as_pattern, found))})" for name, found in values.items()}
    known = {**GIVEN, **chosen}
    pattern = re.compile(rf"({'|'.join(map(re.escape, known))})\b")
    for panel in model["panels"]:
        for target in panel.get("targets", []):
            expr = pattern.sub(lambda found: known[found[0]], target["expr"])
            yield Query(f"{model['title']}, {panel['title']}", expr, over_time=target["range"])


def _as_pattern(value: str) -> str:
    """A value as Grafana puts it into a pattern within quotation marks."""
    return re.sub(r"[\\^$.*+?()\[\]{}|/]", lambda found: rf"\\{found[0]}", value)


def dashboard_faults(shipped: Shipped, path: Path) -> list[str]:
    """Variables without values and dead panels."""
    model = json.loads(path.read_text())
    values: dict[str, list[str]] = {}
    for name, selected, label in variable_queries(model):
        found = _ask(shipped, f"label/{label}/values", {"match[]": selected, "start": time.time() - BACK})
        values[name] = [value for value in found if value]
    queries = list(panel_queries(model, values))
    assert len(queries) == path.read_text().count('"expr":')
    left = [f"{query.where}: a variable is left: {query.expr}" for query in queries if "$" in query.expr]
    empty = [f"{model['title']}: ${name} has no values" for name, found in values.items() if not found]
    return empty + left + [fault for query in queries for fault in faults(shipped, query)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    """A stack that works, has been backed up, and of whose alerts one warns and one is critical."""
    if problem := engine_problem():
        pytest.skip(problem)
    folder = tmp_path_factory.mktemp("queries")
    with ExitStack() as held:
        shipped = held.enter_context(written_stack(folder / "stack"))
        shipped.up()
        wait_until_well(shipped)
        shipped.misbehave("fail", "claude")
        shipped.misbehave("quota-almost", "gemini")
        config = ("--config", shipped.folder / "monops.toml")
        ran = shipped.monops.run(*config, "backup", "--to", folder / "backups")
        assert ran.code == 0, ran
        wait_until(lambda: all(shipped.asked(metric.name) for metric in BACKUP_METRICS), "the backup in Prometheus")
        alerts = ("HighErrorRate", "QuotaAlmostExceeded")
        wait_until(lambda: all(shipped.has_fired(alert) for alert in alerts), "the alerts")
        yield shipped


# --- rules and dashboards --------------------------------------------------------------------------


def test_init_wrote_the_rules_and_dashboards_that_are_asked(stack: Shipped) -> None:
    assert {path.stem for path in (stack.folder / "rules").iterdir()} == {group.name for group in GROUPS}
    dashboards = {path.stem for path in (stack.folder / "grafana/dashboards").iterdir()}
    assert dashboards == {dashboard.uid for dashboard in DASHBOARDS}


@pytest.mark.parametrize("group", [group.name for group in GROUPS])
def test_no_rule_is_dead(stack: Shipped, group: str) -> None:
    queries = list(rule_queries(stack.folder / f"rules/{group}.yml"))
    assert len({query.where for query in queries}) == len(next(one.rules for one in GROUPS if one.name == group))
    assert lasting(lambda: [fault for query in queries for fault in faults(stack, query)]) == []


@pytest.mark.parametrize("dashboard", [dashboard.uid for dashboard in DASHBOARDS])
def test_no_panel_is_dead(stack: Shipped, dashboard: str) -> None:
    assert lasting(lambda: dashboard_faults(stack, stack.folder / f"grafana/dashboards/{dashboard}.json")) == []


@pytest.mark.parametrize(
    ("expr", "why"),
    [
        ('sum(rate(requests_total{provider="nobody"}[$__rate_interval]))', "no answer"),
        ("sum(rate(requests_totals[$__rate_interval])) or on () vector(0)", "nothing is"),
        (
            "(bullmq_queue_waiting / on (provider) group_right () quota_daily_used) or on () vector(0)",
            "no answer of its own",
        ),
        ('count(ALERTS{alertname="NoSuchAlert"}) or on () vector(0)', "nothing is"),
        ("sum(requests_total", "unclosed left parenthesis"),
        ('requests_total{provider=~"$account"}', "a variable is left"),
    ],
)
def test_a_dead_panel_is_noticed(stack: Shipped, tmp_path: Path, expr: str, why: str) -> None:
    model = json.loads((stack.folder / "grafana/dashboards/ai-orchestrator.json").read_text())
    panel = next(panel for panel in model["panels"] if panel["title"] == "Queue depth")
    panel["targets"][0]["expr"] = expr
    path = tmp_path / "planted.json"
    path.write_text(json.dumps(model))

    def is_noticed() -> None:
        found = dashboard_faults(stack, path)
        assert found
        assert all("Queue depth: " in fault for fault in found), found
        assert any(why in fault for fault in found), found

    eventually(is_noticed)


def test_a_variable_without_values_is_noticed(stack: Shipped, tmp_path: Path) -> None:
    text = (stack.folder / "grafana/dashboards/monops-host.json").read_text()
    path = tmp_path / "planted.json"
    path.write_text(text.replace("label_values(node_uname_info, instance)", "label_values(no_such_metric, instance)"))
    assert "Host: $instance has no values" in dashboard_faults(stack, path)


def test_a_dead_rule_is_noticed(stack: Shipped, tmp_path: Path) -> None:
    text = (stack.folder / "rules/queue.yml").read_text()
    path = tmp_path / "planted.yml"
    path.write_text(text.replace("bullmq_queue_waiting", "bullmq_waiting"))

    def is_noticed() -> None:
        found = [fault for query in rule_queries(path) for fault in faults(stack, query)]
        assert {fault.partition(":")[0] for fault in found} == {"HighQueueDepth"}

    eventually(is_noticed)


# --- the metric contract ---------------------------------------------------------------------------


def _exposed(shipped: Shipped, selector: str) -> tuple[dict[str, tuple[str, str]], list[dict[str, str]]]:
    """Type and help of every metric of the targets, and their series, without what Prometheus adds itself."""
    found = _ask(shipped, "targets/metadata", {"match_target": selector})
    series = _ask(shipped, "series", {"match[]": selector, "start": time.time() - BACK})
    ours = [one for one in series if not re.match("up$|ALERTS|scrape_", one["__name__"])]
    return {one["metric"]: (one["type"], one["help"]) for one in found}, ours


def _labels(series: list[dict[str, str]]) -> dict[str, set[str]]:
    """Name -> its labels, which all series of a name share."""
    found: dict[str, set[str]] = {}
    for one in series:
        labels = set(one) - {"__name__", "job", "instance"}
        assert found.setdefault(one["__name__"], labels) == labels, one
    return found


def _promised(metrics: list[Metric]) -> dict[str, set[str]]:
    return {
        name: {*metric.labels, *({"le"} if name.endswith("_bucket") else ())}
        for metric in metrics
        for name in metric.series
    }


@pytest.mark.parametrize("job", APPLICATION_JOBS)
def test_the_application_exposes_what_the_contract_says_and_nothing_else(stack: Shipped, job: str) -> None:
    promised = [metric for metric in CONTRACT if metric.job == job]
    about, series = _exposed(stack, f'{{job="{job}"}}')
    assert about == {metric.name: (metric.kind, metric.help) for metric in promised}
    assert _labels(series) == _promised(promised)
    for metric in promised:
        bounds = {one["le"] for one in series if one["__name__"] == f"{metric.name}_bucket"}
        wanted = {*metric.buckets, float("inf")} if metric.buckets else set()
        assert {float(bound) for bound in bounds} == wanted


def test_a_backup_exposes_what_the_contract_says(stack: Shipped) -> None:
    about, series = _exposed(stack, '{job="node", instance="docker-host"}')
    ours = {name: said for name, said in about.items() if name.startswith("monops_")}
    assert ours == {metric.name: (metric.kind, metric.help) for metric in BACKUP_METRICS}
    labels = _labels([one for one in series if one["__name__"].startswith("monops_")])
    assert labels == _promised(list(BACKUP_METRICS))
