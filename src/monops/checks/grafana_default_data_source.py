"""Grafana has data sources, and one of them is the default.

Panels and variables that name no data source take the default. Without one they take Grafana's own test data. Without
any data source the provisioning was not read: its folder is not mounted, or a file in it has a mistake, which the log
tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._alerting import few
from monops.checks.grafana_data_source_url import with_source
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """There is no data source, or none is the default."""
    sources = known(facts.grafana_data_sources)
    if not sources:
        yield Finding(
            severity=Severity.ERROR,
            subject="data sources of Grafana",
            cause="there is none, so no panel can show anything",
            evidence=("/api/datasources: none",),
            fix=Fix(
                say="See that grafana/provisioning/datasources is mounted to /etc/grafana/provisioning/datasources.",
                command="monops stack logs grafana",
            ),
        )
    elif not any(source.is_default for source in sources):
        yield Finding(
            severity=Severity.WARNING,
            subject="data sources of Grafana",
            cause="none is the default, so panels that name no data source show test data or nothing",
            evidence=(f"/api/datasources: {few(source.name for source in sources)}",),
            fix=Fix(
                say="Write isDefault: true for Prometheus in grafana/provisioning/datasources and restart Grafana.",
                command="monops stack restart grafana",
                risk=Risk.INTERRUPTS,
            ),
        )


CHECK = Check(
    id="grafana.default_data_source",
    well="one of its data sources is the default",
    reads=("grafana_data_sources",),
    needs=("grafana",),
    judge=judge,
    sick=(
        Sick(
            what="provisioning that was not read",
            facts=lambda facts: replace(facts, grafana_data_sources=()),
            severity=Severity.ERROR,
            says="there is none",
        ),
        Sick(
            what="no default",
            facts=lambda facts: with_source(facts, is_default=False),
            severity=Severity.WARNING,
            says="none is the default",
        ),
    ),
)
