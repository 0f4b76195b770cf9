"""No rule or setting is written for another major version of Prometheus.

Version 3 writes the bounds of histograms as 5.0 where version 2 took over 5, so that le="5" no longer meets anything
and the rule is silently dead; it has no holt_winters any more, and no version 1 of Alertmanager's API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import CONFIG, rule
from monops.checks._prometheus import after_edit
from monops.domain.check import Check, Sick
from monops.domain.facts import Build, Facts, Rule, RuleGroup, known
from monops.domain.finding import Finding, Severity
from monops.domain.prometheus_config import parsed

_WHOLE_BOUND = re.compile(r'\ble\s*=\s*"(\d+)"')
_GONE = re.compile(r"\bholt_winters\s*\(")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each rule and setting."""
    build = known(facts.prometheus_build)
    if not build.number:
        return
    is_new = build.number >= (3,)
    for group in known(facts.prometheus_rules):
        for each in group.rules:
            yield from _of_rule(each, group, is_new, facts)
    alerting = parsed(known(facts.prometheus_config)).get("alerting") or {}
    if not is_new and any(one.get("api_version") == "v1" for one in alerting.get("alertmanagers") or ()):
        yield Finding(
            severity=Severity.WARNING,
            subject="prometheus.yml",
            cause="after an upgrade to version 3 it will not load: api_version v1 of Alertmanager is gone",
            evidence=("/api/v1/status/config: alerting.alertmanagers api_version v1", f"version {build.version}"),
            fix=after_edit(facts, "Remove api_version from alerting.alertmanagers in prometheus.yml, then reload."),
        )


def _of_rule(each: Rule, group: RuleGroup, is_new: bool, facts: Facts) -> Iterator[Finding]:
    evidence = (f"{group.file}: {' '.join(each.expr.split())}",)
    bound = _WHOLE_BOUND.search(each.expr)
    if bound and is_new:
        yield Finding(
            severity=Severity.WARNING,
            subject=f"rule {each.name}",
            cause=f'it asks for le="{bound[1]}", which meets no series: since version 3 that bound is "{bound[1]}.0"',
            evidence=evidence,
            fix=after_edit(facts, f'Write le="{bound[1]}.0" in {group.file}, then reload.'),
        )
    elif not is_new and (bound or _GONE.search(each.expr)):
        what = (
            f'le="{bound[1]}" will meet no series' if bound else "holt_winters is called double_exponential_smoothing"
        )
        say = (
            f'Write le=~"{bound[1]}(.0)?" in {group.file}, then reload.'
            if bound
            else f"Put the rule aside from {group.file} before the upgrade, then reload."
        )
        yield Finding(
            severity=Severity.INFO,
            subject=f"rule {each.name}",
            cause=f"after an upgrade to version 3 it will not work: {what}",
            evidence=evidence,
            fix=after_edit(facts, say),
        )


def _sick(what: str, version: str, expr: str, severity: Severity, says: str) -> Sick:
    group = RuleGroup(name="own", file="/etc/prometheus/rules/own.yml", interval=15.0, rules=(rule("Slow", expr),))
    return Sick(
        what=what,
        facts=lambda facts: replace(facts, prometheus_build=Build(version=version), prometheus_rules=(group,)),
        severity=severity,
        says=says,
    )


CHECK = Check(
    id="prometheus.version_3",
    well="no rule is written for another major version",
    reads=("prometheus_build", "prometheus_config", "prometheus_rules"),
    looks_at=("containers",),
    judge=judge,
    needs=("prometheus",),
    sick=(
        _sick("a whole bound", "3.5.3", 'rate(x_bucket{le="5"}[5m]) > 1', Severity.WARNING, "meets no series"),
        _sick("a whole bound before", "2.53.4", 'rate(x_bucket{le="5"}[5m]) > 1', Severity.INFO, "will meet no series"),
        _sick("a function that is gone", "2.53.4", "holt_winters(x[1h], 0.5, 0.5) > 1", Severity.INFO, "holt_winters"),
        Sick(
            what="an Alertmanager asked by its first API",
            facts=lambda facts: replace(
                facts,
                prometheus_build=Build(version="2.53.4"),
                prometheus_config=CONFIG.replace(
                    "  alertmanagers:\n  - ", "  alertmanagers:\n  - api_version: v1\n    "
                ),
            ),
            severity=Severity.WARNING,
            says="api_version v1",
        ),
    ),
)
