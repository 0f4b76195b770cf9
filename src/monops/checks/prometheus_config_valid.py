"""The configuration file that Prometheus has would load.

An edit that was never loaded shows its fault at the next start only, when Prometheus does not come up. What is looked
for: YAML that cannot be read, sections that do not exist, jobs of the same name, time limits longer than the interval.
`promtool check config` sees more, and the fix of each finding shows how to run it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._config_faults import faults, path_and_text
from monops.checks._prometheus import name_of
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each fault; none where a reload has failed already, because prometheus.reload tells that."""
    path, text = path_and_text(facts)
    if not known(facts.prometheus_runtime).reload_succeeded:
        return
    for fault in faults(text):
        yield Finding(
            severity=Severity.WARNING,
            subject=f"file {path}",
            cause=f"Prometheus will not start with it: {fault}",
            evidence=(f"{name_of(facts)}:{path}",),
            fix=Fix(say="Correct the file.", command=f"docker exec {name_of(facts)} promtool check config {path}"),
        )


def _with(text: str, says: str) -> Sick:
    return Sick(
        what=f"a file that does not load: {says}",
        facts=lambda facts: replace(facts, container_files={"prometheus:/etc/prometheus/prometheus.yml": text}),
        severity=Severity.WARNING,
        says=says,
    )


CHECK = Check(
    id="prometheus.config_valid",
    well="its configuration file would load",
    reads=("container_files", "prometheus_flags", "prometheus_runtime"),
    looks_at=("containers",),
    judge=judge,
    needs=("prometheus",),
    sick=(
        _with("scrape_configs:\n- job_name: [\n", "no YAML: line"),
        _with("- a\n", "no mapping"),
        _with("", "it is empty"),
        _with("rule_file: []\n", "a section 'rule_file'"),
        _with("scrape_configs:\n- job_name: a\n- job_name: a\n", "two scrape jobs are called 'a'"),
        _with("scrape_configs:\n- static_configs: []\n", "no job_name"),
        _with("scrape_configs:\n- words\n", "a scrape job is no mapping"),
        _with(
            "scrape_configs:\n- job_name: a\n  scrape_interval: 5s\n  scrape_timeout: 10s\n",
            "longer than its scrape_interval",
        ),
    ),
)
