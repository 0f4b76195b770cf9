"""Alerts and copies of the data tell which Prometheus they come from.

External labels go to Alertmanager and to remote storage only. Without them the alerts of two stacks in one chat room
look the same. Two Prometheus of one stack need a label that tells them apart, and alert_relabel_configs that drop it,
so that Alertmanager sends each alert once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import CONFIG, container
from monops.checks._prometheus import SUBJECT, after_edit
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Unknown, known
from monops.domain.finding import Finding, Severity
from monops.domain.prometheus_config import parsed
from monops.domain.stack import service_of


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding where there are none."""
    if (parsed(known(facts.prometheus_config)).get("global") or {}).get("external_labels"):
        return
    containers = () if isinstance(facts.containers, Unknown) else facts.containers
    several = [one.name for one in containers if service_of(one.container) == "prometheus"]
    evidence = ["/api/v1/status/config: global.external_labels is empty"]
    cause, severity = "its alerts do not say which Prometheus they come from", Severity.INFO
    say = "Add external_labels such as monitor: NAME to global in prometheus.yml, then reload."
    if len(several) > 1:
        cause, severity = "there are several Prometheus, and nothing tells their alerts apart", Severity.WARNING
        evidence.append(f"docker ps: {', '.join(several)}")
        say = "Give each its own external_labels: replica, and drop that in alert_relabel_configs, then reload."
    yield Finding(severity=severity, subject=SUBJECT, cause=cause, evidence=tuple(evidence), fix=after_edit(facts, say))


def _unlabelled(facts: Facts) -> Facts:
    text = CONFIG.replace("  external_labels:\n    monitor: monitoring\n", "")
    return replace(facts, prometheus_config=text)


CHECK = Check(
    id="prometheus.external_labels",
    well="its alerts say where they come from",
    reads=("prometheus_config",),
    looks_at=("containers",),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(
            what="one Prometheus without labels",
            facts=_unlabelled,
            severity=Severity.INFO,
            says="do not say which",
        ),
        Sick(
            what="two Prometheus without labels",
            facts=lambda facts: replace(
                _unlabelled(facts), containers=(*known(facts.containers), container("prometheus"))
            ),
            severity=Severity.WARNING,
            says="several Prometheus",
        ),
    ),
)
