"""Prometheus has data when Grafana asks.

The test of a data source asks for `1+1`, which a Prometheus without a single series answers too. So `up` is asked for
through Grafana: with no series there, the way is right and every panel says "No data". Then nothing is scraped, or it
is the wrong Prometheus.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._alerting import tidy
from monops.checks.grafana_data_source_url import with_source
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each Prometheus without data."""
    for source in known(facts.grafana_data_sources):
        if source.health != "ERROR" and source.up_series == 0:
            yield Finding(
                severity=Severity.ERROR,
                subject=f"data source {source.name}",
                cause="it answers and has no data: nothing is scraped there, or it is another Prometheus",
                evidence=(f"count(up) asked through Grafana: no series; url {tidy(source.url)}",),
                fix=Fix(say="See what Prometheus scrapes, and whether it is this one.", command="monops targets"),
            )


CHECK = Check(
    id="grafana.has_data",
    well="there is data when it asks",
    reads=("grafana_data_sources",),
    needs=("grafana",),
    judge=judge,
    sick=(
        Sick(
            what="a Prometheus that scrapes nothing",
            facts=lambda facts: with_source(facts, up_series=0),
            severity=Severity.ERROR,
            says="has no data",
        ),
    ),
)
