"""Every pending alert fires in time.

An alert is pending while its expression is true and its `for` is not over. One that is pending for longer than its
`for` and some evaluations means that its group is not evaluated any more, or that Prometheus is far behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from monops.checks._alerting import age, alert_rules
from monops.checks._healthy import rule
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.ports import RuleAlert
from monops.domain.units import show_duration

#: What an evaluation may be late, in seconds, beside three intervals.
_GRACE = 60.0


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each alert name with one that should have fired."""
    due: dict[str, tuple[float, float]] = {}
    for group, found in alert_rules(facts):
        holds, slack = due.get(found.name, (0.0, 0.0))
        due[found.name] = (max(holds, found.holds_for), max(slack, 3 * group.interval + _GRACE))
    late: dict[str, tuple[float, RuleAlert]] = {}
    for alert in known(facts.prometheus_alerts):
        name = alert.labels.get("alertname", "")
        waited = age(facts, alert.active_at)
        if alert.state == "pending" and name in due and waited > sum(due[name]):
            late[name] = max(late.get(name, (0.0, alert)), (waited, alert), key=lambda pair: pair[0])
    for name, (waited, alert) in late.items():
        written = show_duration(timedelta(seconds=due[name][0]))
        yield Finding(
            severity=Severity.ERROR,
            subject=f"alert {name}",
            cause=f"it is pending for {show_duration(timedelta(seconds=waited))} though its for is {written}: its rules"
            " are not evaluated",
            evidence=(f"/api/v1/alerts: pending since {alert.active_at}", f"/api/v1/rules: for {written}"),
            fix=Fix(
                say="See when the rule groups were last evaluated, and read Prometheus's log.",
                command="monops query 'time() - prometheus_rule_group_last_evaluation_timestamp_seconds'",
            ),
        )


def _pending(facts: Facts, since: str) -> Facts:
    first, *rest = known(facts.prometheus_rules)
    slow = replace(first, rules=(*first.rules, rule("Slow", "up == 0", holds_for=300.0, state="pending")))
    alert = RuleAlert(labels={"alertname": "Slow"}, annotations={}, state="pending", active_at=since, value="1")
    alerts = (*known(facts.prometheus_alerts), alert)
    return replace(facts, prometheus_rules=(slow, *rest), prometheus_alerts=alerts)


CHECK = Check(
    id="alerts.stuck_pending",
    well="every pending alert fires in time",
    reads=("prometheus_rules", "prometheus_alerts"),
    needs=("prometheus",),
    judge=judge,
    # Pending for four minutes of five.
    healthy=lambda facts: _pending(facts, "2026-11-23T02:56:00Z"),
    sick=(
        Sick(
            what="an alert that is pending for twenty minutes with a for of five",
            facts=lambda facts: _pending(facts, "2026-11-23T02:40:00.123456789Z"),
            severity=Severity.ERROR,
            says="rules are not evaluated",
        ),
    ),
)
