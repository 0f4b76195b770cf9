"""Prometheus runs the configuration that it was last told to load.

A reload that fails leaves the configuration and rules of before in force, silently: what was edited since has no
effect, and at its next start Prometheus will not come up at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from monops.checks._config_faults import faults, file_in_container
from monops.checks._prometheus import SUBJECT, config_path, name_of
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding where the last reload failed."""
    runtime = known(facts.prometheus_runtime)
    if runtime.reload_succeeded:
        return
    path = config_path(facts)
    text = file_in_container(facts, path)
    wrong = next(faults(text), "") if text is not None else ""
    since = datetime.fromtimestamp(runtime.config_at, UTC).isoformat(timespec="seconds")
    yield Finding(
        severity=Severity.ERROR,
        subject=SUBJECT,
        cause=f"its last reload failed, so it runs the configuration of {since}" + (f": {wrong}" if wrong else ""),
        evidence=("/api/v1/status/runtimeinfo: reloadConfigSuccess false", f"lastConfigTime {since}"),
        fix=Fix(
            say=f"Correct {path}, then reload.",
            command=f"docker exec {name_of(facts)} promtool check config {path}",
        ),
    )


def _failed(facts: Facts) -> Facts:
    return replace(facts, prometheus_runtime=replace(known(facts.prometheus_runtime), reload_succeeded=False))


CHECK = Check(
    id="prometheus.reload",
    well="its last reload worked",
    reads=("prometheus_runtime",),
    looks_at=("containers", "container_files", "prometheus_flags"),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(what="a reload that failed", facts=_failed, severity=Severity.ERROR, says="its last reload failed"),
        Sick(
            what="a reload of a file with a mistyped section",
            facts=lambda facts: replace(
                _failed(facts), container_files={"prometheus:/etc/prometheus/prometheus.yml": "scrape_config: []\n"}
            ),
            severity=Severity.ERROR,
            says="Did you mean 'scrape_configs'?",
        ),
    ),
)
