"""There is an alert that always fires, and it does.

When alerting breaks, nothing happens: no alert comes, as on a good day. An alert that always fires (Watchdog, on
`vector(1)`) turns that round: something outside takes it, and alarms when it stops coming. If it does not fire, rules
are not evaluated; if it is muted, the outside cannot tell a broken pipeline from a silence.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace

from monops.checks._alerting import alert_rules, always_fires, expire_command, is_watchdog, mutes_everything
from monops.checks._healthy import WATCHDOG
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Rule, Unknown, known
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """No such rule, one that does not fire, or one that is muted."""
    rules = [rule for _, rule in alert_rules(facts) if always_fires(rule)]
    if not rules:
        yield Finding(
            severity=Severity.WARNING,
            subject="alert rules of Prometheus",
            cause="no alert always fires, so nobody notices when alerting stops",
            evidence=("/api/v1/rules: no rule Watchdog and none on vector(1)",),
            fix=Fix(
                say="Add an alert Watchdog on vector(1) with severity none, and let a dead man's switch take it.",
                command="monops init --dry-run",
            ),
        )
    firing = {alert.labels.get("alertname") for alert in known(facts.prometheus_alerts) if alert.state == "firing"}
    for rule in rules:
        # A server that has just started has not evaluated it yet.
        if rule.health != "unknown" and rule.name not in firing:
            yield _silent(rule)
    yield from _muted(facts)


def _silent(rule: Rule) -> Finding:
    return Finding(
        severity=Severity.ERROR,
        subject=f"alert {rule.name}",
        cause="it should always fire and does not: rules are not evaluated, or its expression yields nothing",
        evidence=(f"/api/v1/rules: {rule.name}: state {rule.state}, health {rule.health}", f"expression: {rule.expr}"),
        fix=Fix(
            say="Ask Prometheus for the expression, and read its log.", command=f"monops query {shlex.quote(rule.expr)}"
        ),
    )


def _muted(facts: Facts) -> Iterator[Finding]:
    # Without Alertmanager, or where it does not answer, others say so.
    if isinstance(facts.alertmanager_alerts, Unknown):
        return
    silences = () if isinstance(facts.alertmanager_silences, Unknown) else facts.alertmanager_silences
    # One that mutes everything is a finding of its own.
    total = {one.id for one in silences if mutes_everything(one)}
    for alert in facts.alertmanager_alerts:
        if not is_watchdog(alert.labels) or not (alert.silenced_by or alert.inhibited_by):
            continue
        if total.intersection(alert.silenced_by):
            continue
        how = "silenced" if alert.silenced_by else "inhibited"
        name = alert.labels.get("alertname", "")
        if alert.silenced_by:
            command = expire_command(facts, alert.silenced_by[0])
            fix = Fix(say="Expire the silence, or make it match less.", command=command, risk=Risk.SAFE)
        else:
            fix = Fix(say="Make the inhibit rule in alertmanager.yml match less.")
        yield Finding(
            severity=Severity.WARNING,
            subject=f"alert {name}",
            cause=f"it is {how}, so whoever waits for it hears nothing, as if alerting were broken",
            evidence=(f"/api/v2/alerts: {name} is {how} by {', '.join(alert.silenced_by or alert.inhibited_by)}",),
            fix=fix,
        )


def _without_rule(facts: Facts) -> Facts:
    groups = tuple(
        replace(group, rules=tuple(rule for rule in group.rules if rule != WATCHDOG))
        for group in known(facts.prometheus_rules)
    )
    return replace(facts, prometheus_rules=groups)


CHECK = Check(
    id="alerts.watchdog",
    well="an alert that always fires does so",
    reads=("prometheus_rules", "prometheus_alerts"),
    looks_at=("alertmanager_alerts", "alertmanager_silences"),
    needs=("prometheus",),
    judge=judge,
    sick=(
        Sick(what="no watchdog", facts=_without_rule, severity=Severity.WARNING, says="no alert always fires"),
        Sick(
            what="a watchdog that does not fire",
            facts=lambda facts: replace(facts, prometheus_alerts=()),
            severity=Severity.ERROR,
            says="should always fire and does not",
        ),
        Sick(
            what="a watchdog that somebody silenced",
            facts=lambda facts: replace(
                facts,
                alertmanager_alerts=tuple(
                    replace(alert, state="suppressed", silenced_by=("3f2a",))
                    for alert in known(facts.alertmanager_alerts)
                ),
            ),
            severity=Severity.WARNING,
            says="it is silenced",
        ),
        Sick(
            what="a watchdog that a rule inhibits",
            facts=lambda facts: replace(
                facts,
                alertmanager_alerts=tuple(
                    replace(alert, state="suppressed", inhibited_by=("9aa8",))
                    for alert in known(facts.alertmanager_alerts)
                ),
            ),
            severity=Severity.WARNING,
            says="it is inhibited",
        ),
    ),
)
