"""Every dashboard asks data sources that there are.

Panels name their data source by its uid. A dashboard from elsewhere names one of there, or has `${DS_PROMETHEUS}` in
it: that is filled in when a person imports it, and never when a file is provisioned. Such panels ask nothing and say
"No data" or "Datasource was not found".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from monops.checks._alerting import count, few
from monops.domain.check import Check, Sick
from monops.domain.facts import Dashboard, Facts, known
from monops.domain.finding import Finding, Fix, Risk, Severity

#: What Grafana brings itself. Source: grafana/grafana, packages/grafana-data, types/datasource.ts; pkg/expr.
_BUILT_IN = frozenset({
    "", "default", "grafana", "-- Grafana --", "-- Mixed --", "-- Dashboard --", "mixed", "dashboard", "__expr__",
    "-100",
})  # fmt: skip
_VARIABLE = re.compile(r"^(?:\$\{(?P<braces>\w+)(?::\w+)?\}|\$(?P<plain>\w+)|\[\[(?P<square>\w+)\]\])$")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each dashboard and data source that is not there."""
    sources = known(facts.grafana_data_sources)
    there = _BUILT_IN | {source.uid for source in sources} | {source.name for source in sources}
    types = {source.type for source in sources}
    for dashboard in known(facts.grafana_dashboards):
        variables = {str(item.get("name")): item for item in _items(dashboard.model.get("templating"), "list")}
        missing: dict[str, list[str]] = {}
        for where, reference in _references(dashboard.model):
            match = _VARIABLE.match(reference)
            name = next(filter(None, match.groups()), "") if match else ""
            if not (name in variables if match else reference in there):
                missing.setdefault(reference, []).append(where)
        for reference, places in missing.items():
            yield _finding(dashboard, reference, places, there)
        for name, item in variables.items():
            kind = str(item.get("query") or "")
            if item.get("type") == "datasource" and kind and kind not in types:
                yield _without_type(dashboard, name, kind, types)


def _finding(dashboard: Dashboard, reference: str, places: list[str], there: frozenset[str]) -> Finding:
    is_variable = bool(_VARIABLE.match(reference))
    is_input = is_variable and ("DS_" in reference or bool(dashboard.model.get("__inputs")))
    if is_input:
        cause = (
            f"{count(len(places), 'place')} in it ask {reference}, which is filled in by an import and not from a file"
        )
    elif is_variable:
        cause = f"{count(len(places), 'place')} in it ask {reference}, and it has no such variable"
    else:
        cause = f"{count(len(places), 'place')} in it ask a data source {reference}, which Grafana does not have"
    return Finding(
        severity=Severity.ERROR,
        subject=f"dashboard {dashboard.title}",
        cause=cause,
        evidence=(
            f"/api/dashboards/uid/{dashboard.uid}: {few(places)}",
            f"/api/datasources: {few(sorted(there - _BUILT_IN)) or 'none'}",
        ),
        fix=Fix(
            say=f"Replace {reference} in the dashboard's file by the uid of a data source that there is.",
            risk=Risk.SAFE,
        ),
    )


def _without_type(dashboard: Dashboard, name: str, kind: str, types: set[str]) -> Finding:
    return Finding(
        severity=Severity.ERROR,
        subject=f"dashboard {dashboard.title}",
        cause=f"its variable {name} chooses among data sources of type {kind}, and there is none",
        evidence=(
            f"/api/dashboards/uid/{dashboard.uid}: variable {name}: {kind}",
            f"/api/datasources: types {few(sorted(types)) or 'none'}",
        ),
        fix=Fix(say=f"Add a data source of type {kind} in grafana/provisioning/datasources."),
    )


def _references(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(where, uid or name) of every data source that is named."""
    for panel in _panels(model):
        title = f"panel {panel.get('title') or panel.get('id') or 'without a title'}"
        for item in (panel, *_items(panel, "targets")):
            yield from ((title, found) for found in _named(item))
    for kind in ("templating", "annotations"):
        for item in _items(model.get(kind), "list"):
            if item.get("type") != "datasource":
                yield from ((f"{kind} {item.get('name')}", found) for found in _named(item))


def _panels(holder: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for panel in _items(holder, "panels"):
        yield panel
        yield from _panels(panel)
    # Dashboards of Grafana 4 and before.
    for row in _items(holder, "rows"):
        yield from _panels(row)


def _named(item: Mapping[str, Any]) -> Iterator[str]:
    found = item.get("datasource")
    if isinstance(found, Mapping):
        found = found.get("uid")
    if isinstance(found, str):
        yield found


def _items(holder: object, name: str) -> Iterator[Mapping[str, Any]]:
    found = holder.get(name) if isinstance(holder, Mapping) else None
    yield from (item for item in found or () if isinstance(item, Mapping))


def with_dashboard(facts: Facts, uid: str, **model: Any) -> Facts:
    """The facts with one dashboard, whose panels ask a data source."""
    panels = [
        {
            "type": "row",
            "title": "Row",
            "panels": [{"title": "Inner", "datasource": {"type": "prometheus", "uid": uid}}],
        },
        {"title": "Outer", "datasource": None, "targets": [{"datasource": {"uid": uid}}, {"expr": "up"}]},
        {"title": "Mixed", "datasource": {"uid": "-- Mixed --"}},
    ]
    found = Dashboard(uid="d1", title="Main", model={"title": "Main", "panels": panels, **model})
    return replace(facts, grafana_dashboards=(found,))


def _choosing(kind: str) -> dict[str, Any]:
    return {"list": [{"name": "source", "type": "datasource", "query": kind}]}


CHECK = Check(
    id="grafana.dashboards",
    well="every dashboard asks data sources that there are",
    reads=("grafana_data_sources", "grafana_dashboards"),
    needs=("grafana",),
    judge=judge,
    healthy=lambda facts: with_dashboard(facts, "${source}", templating=_choosing("prometheus")),
    sick=(
        Sick(
            what="the uid of a data source elsewhere",
            facts=lambda facts: with_dashboard(facts, "PBFA97CFB590B2093"),
            severity=Severity.ERROR,
            says="which Grafana does not have",
        ),
        Sick(
            what="a place to fill in that nobody filled in",
            facts=lambda facts: with_dashboard(facts, "${DS_PROMETHEUS}", __inputs=[{"name": "DS_PROMETHEUS"}]),
            severity=Severity.ERROR,
            says="filled in by an import",
        ),
        Sick(
            what="a variable that is not there",
            facts=lambda facts: with_dashboard(facts, "$source"),
            severity=Severity.ERROR,
            says="no such variable",
        ),
        Sick(
            what="a variable for which there is no data source",
            facts=lambda facts: with_dashboard(facts, "${source}", templating=_choosing("loki")),
            severity=Severity.ERROR,
            says="data sources of type loki",
        ),
    ),
)
