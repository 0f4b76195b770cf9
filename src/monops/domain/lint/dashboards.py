"""Dashboards: data sources that are not there, and queries without an answer."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from monops.domain.finding import Severity
from monops.domain.lint.dashboard_file import Dashboard, Panel, Query
from monops.domain.lint.problem import Problem, Shown
from monops.domain.lint.promql import Selector, span_of

_VARIABLE = re.compile(r"^(?:\$\{(\w+)(?::\w+)?\}|\$(\w+)|\[\[(\w+)\]\])$")
#: Grafana's own.
_BUILT_IN = ("-- Grafana --", "-- Mixed --", "-- Dashboard --", "grafana", "default", "-- Grafana --")


def data_sources(dashboard: Dashboard, known: Collection[str]) -> Iterator[Problem]:
    """Data sources that no panel can reach. `known`: uids and names; empty where nothing tells which there are."""
    told: set[str] = set()
    for panel in dashboard.panels:
        named = [(panel.source, panel.line), *((query.source, query.line) for query in panel.queries)]
        for source, line in named:
            fault = _fault(dashboard, source, known) if source else ""
            if source and fault and source not in told:
                told.add(source)
                yield Problem(
                    id="dashboard/datasource",
                    severity=Severity.WARNING,
                    file=dashboard.path,
                    line=line,
                    subject=f"panel {panel.title} of {dashboard.title}",
                    message=f"The data source {source} {fault}, so the panel shows an error instead of data.",
                    fix="Name the uid of a data source that is provisioned, or a variable of the type datasource.",
                )


def _fault(dashboard: Dashboard, source: str, known: Collection[str]) -> str:
    found = _VARIABLE.match(source)
    if found is None:
        is_there = not known or source in known or source in _BUILT_IN
        return "" if is_there else f"is not provisioned (there are: {', '.join(sorted(known))})"
    name = next(group for group in found.groups() if group)
    if name in dashboard.variables:
        return ""
    if name in dashboard.inputs:
        return "is asked for when a person imports the dashboard, and never filled in where a file is provisioned"
    return "is a variable that the dashboard does not have"


def dead(
    dashboard: Dashboard, panel: Panel, query: Query, selector: Selector, said: tuple[Severity, str, str]
) -> Problem:
    """A query of a panel whose selector matches nothing."""
    severity, message, fix = said
    return Problem(
        id="dashboard/dead-panel",
        severity=severity,
        file=dashboard.path,
        line=query.line,
        subject=f"panel {panel.title} of {dashboard.title}",
        message=message,
        fix=fix,
        shown=in_query(query, selector),
    )


def in_query(query: Query, selector: Selector) -> Shown:
    """Where a selector stands in a query: the file has it in quotes."""
    for line in query.expr.splitlines():
        found = span_of(selector, line)
        if found is not None:
            return Shown(line=query.line, text=line, start=found[0], end=found[1])
    return Shown(line=query.line, text=query.expr.splitlines()[0])
