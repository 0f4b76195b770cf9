"""Grafana asks each data source at an address where it can be.

With the access `proxy` Grafana itself asks, from its container: `localhost` is that container, and no Prometheus is in
it. The address that works in a browser on the machine does not work there; the service's name does. With the access
`direct` the browser asks, which new versions no longer do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._addresses import is_loopback, is_on_host
from monops.checks._alerting import tidy
from monops.domain.address import parts_of
from monops.domain.check import Check, Sick
from monops.domain.facts import DataSource, Facts, known
from monops.domain.finding import Finding, Fix, Risk, Severity

#: type -> the address of the stack's own.
_OWN = {"prometheus": "http://prometheus:9090", "alertmanager": "http://alertmanager:9093"}


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each data source whose address is Grafana's own, or which the browser asks."""
    for source in known(facts.grafana_data_sources):
        if is_own_address(facts, source):
            yield _finding(
                source,
                Severity.ERROR,
                f"{parts_of(source.url).hostname} is Grafana's own container, and no {source.type} is in it",
                f"Write {_OWN.get(source.type, 'the name of its service')} in grafana/provisioning/datasources"
                " and restart Grafana.",
            )
        elif source.access == "direct":
            yield _finding(
                source,
                Severity.WARNING,
                "the browser asks it (access direct), which works on this machine only and new versions do not do",
                "Write access: proxy in grafana/provisioning/datasources and restart Grafana.",
            )


def is_own_address(facts: Facts, source: DataSource) -> bool:
    """Whether Grafana asks itself. Raises IsUnknown."""
    host = parts_of(source.url).hostname or ""
    return source.access != "direct" and is_loopback(host) and not is_on_host(facts, "grafana")


def _finding(source: DataSource, severity: Severity, cause: str, todo: str) -> Finding:
    return Finding(
        severity=severity,
        subject=f"data source {source.name}",
        cause=cause,
        evidence=(f"/api/datasources: {source.name}: url {tidy(source.url)}, access {source.access}",),
        fix=Fix(say=todo, command="monops stack restart grafana", risk=Risk.INTERRUPTS),
    )


def with_source(facts: Facts, **changes: object) -> Facts:
    """The facts with fields of the first data source changed."""
    first, *rest = known(facts.grafana_data_sources)
    return replace(facts, grafana_data_sources=(replace(first, **changes), *rest))  # type: ignore[arg-type]


CHECK = Check(
    id="grafana.data_source_url",
    well="it asks each data source where it can be",
    reads=("grafana_data_sources", "containers"),
    needs=("grafana",),
    judge=judge,
    sick=(
        Sick(
            what="localhost for Prometheus",
            facts=lambda facts: with_source(facts, url="http://localhost:9090", health="ERROR", up_series=None),
            severity=Severity.ERROR,
            says="localhost is Grafana's own container",
        ),
        Sick(
            what="the browser that asks",
            facts=lambda facts: with_source(facts, access="direct", url="http://localhost:9090"),
            severity=Severity.WARNING,
            says="the browser asks it",
        ),
    ),
)
