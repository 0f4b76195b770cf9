"""No alert fires for more than a week.

An alert that fires for a week is handled by nobody: either it is no problem, then the rule is wrong, or it is one. It
teaches people to overlook alerts. Mend the cause, change the threshold, or silence it with a reason and an end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from monops.checks._alerting import age, alert_rules, always_fires, count, is_watchdog
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Unknown, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.units import show_duration

_WEEK = 7 * 86400.0


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each alert name, with its oldest alert."""
    constant = {found.name for _, found in alert_rules(facts) if always_fires(found)}
    oldest: dict[str, tuple[float, str]] = {}
    numbers: dict[str, int] = {}
    for alert in known(facts.prometheus_alerts):
        name = alert.labels.get("alertname", "")
        since = age(facts, alert.active_at)
        if alert.state != "firing" or since <= _WEEK or name in constant or is_watchdog(alert.labels):
            continue
        if not _is_silenced(facts, alert.labels):
            numbers[name] = numbers.get(name, 0) + 1
            oldest[name] = max(oldest.get(name, (0.0, "")), (since, alert.active_at))
    for name, (since, at) in oldest.items():
        yield Finding(
            severity=Severity.INFO,
            subject=f"alert {name}",
            cause=f"it fires for {show_duration(timedelta(seconds=since))}, so nobody handles it",
            evidence=(f"/api/v1/alerts: {count(numbers[name], 'alert')} for more than 7 days, the first since {at}",),
            fix=Fix(
                say="Mend what it tells of, change its threshold, or silence it with a reason and an end.",
                command="monops alerts list",
            ),
        )


def _is_silenced(facts: Facts, labels: Mapping[str, str]) -> bool:
    if isinstance(facts.alertmanager_alerts, Unknown):
        return False
    # Alertmanager's has the external labels too.
    return any(alert.silenced_by and labels.items() <= alert.labels.items() for alert in facts.alertmanager_alerts)


def _old(facts: Facts, since: str) -> Facts:
    (first, *_) = known(facts.prometheus_alerts)
    old = replace(first, labels={"alertname": "DiskSpaceLow", "instance": "docker-host"}, active_at=since)
    return replace(facts, prometheus_alerts=(replace(first, active_at="2026-10-01T00:00:00Z"), old))


CHECK = Check(
    id="alerts.long_firing",
    well="no alert fires for more than a week",
    reads=("prometheus_alerts", "prometheus_rules"),
    looks_at=("alertmanager_alerts",),
    needs=("prometheus",),
    judge=judge,
    healthy=lambda facts: _old(facts, "2026-11-20T00:00:00Z"),
    sick=(
        Sick(
            what="a disk that is full for three weeks",
            facts=lambda facts: _old(facts, "2026-11-02T00:00:00Z"),
            severity=Severity.INFO,
            says="nobody handles it",
        ),
    ),
)
