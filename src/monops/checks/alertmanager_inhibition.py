"""Inhibit rules mute only what their source explains.

While the source of an inhibit rule fires, its targets are not told of. `equal` names the labels that both must have
alike; without it one source anywhere mutes every target everywhere. A source that always fires mutes its targets for
ever.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._alerting import (
    alert_rules,
    always_fires,
    count,
    few,
    routing_of,
    rule_labels,
    sent_labels,
    with_routing,
)
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.routing import Matcher


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each inhibit rule that mutes too much."""
    constant = [rule for _, rule in alert_rules(facts) if always_fires(rule)]
    for rule in routing_of(facts).inhibit_rules:
        shown = f"{_shown(rule.source)} mutes {_shown(rule.target)}"
        muting = [
            one.name
            for one in constant
            if all(matcher.matches(sent_labels(facts, rule_labels(one))) for matcher in rule.source)
        ]
        if muting:
            yield Finding(
                severity=Severity.WARNING,
                subject=f"inhibit rule {shown}",
                cause=f"its source matches {few(muting)}, which always fires, so its targets are always muted",
                evidence=(f"/api/v2/status: inhibit_rules: {shown}", _muted(facts)),
                fix=Fix(say=f"Make the source match less, so that {muting[0]} is not in it."),
            )
        elif not rule.equal:
            # A source that is one alert by name may well stand for the whole site.
            is_named = any(matcher.name == "alertname" and matcher.operator == "=" for matcher in rule.source)
            yield Finding(
                severity=Severity.INFO if is_named else Severity.WARNING,
                subject=f"inhibit rule {shown}",
                cause="it has no equal, so one source anywhere mutes every target everywhere",
                evidence=(f"/api/v2/status: inhibit_rules: {shown}, no equal", _muted(facts)),
                fix=Fix(say="Add equal with the labels that tie a target to its source: [instance] or [alertname]."),
            )


def _shown(matchers: tuple[Matcher, ...]) -> str:
    return "{" + ", ".join(map(str, matchers)) + "}"


def _muted(facts: Facts) -> str:
    muted = [alert for alert in known(facts.alertmanager_alerts) if alert.inhibited_by]
    return f"/api/v2/alerts: {count(len(muted), 'alert')} inhibited now"


CHECK = Check(
    id="alertmanager.inhibition",
    well="inhibit rules mute only what their source explains",
    reads=("alertmanager_status", "alertmanager_alerts", "prometheus_rules", "prometheus_config"),
    needs=("alertmanager", "prometheus"),
    judge=judge,
    healthy=lambda facts: with_routing(
        facts,
        "route:\n",
        'inhibit_rules:\n- {source_matchers: [severity="critical"], target_matchers: [severity="warning"], '
        "equal: [instance]}\nroute:\n",
    ),
    sick=(
        Sick(
            what="a rule without equal",
            facts=lambda facts: with_routing(facts, "equal: [instance]", "equal: []"),
            severity=Severity.WARNING,
            says="everywhere",
        ),
        Sick(
            what="a rule without equal whose source is one alert",
            facts=lambda facts: with_routing(
                with_routing(facts, "equal: [instance]", "equal: []"), '[severity="critical"]', '[alertname="SiteDown"]'
            ),
            severity=Severity.INFO,
            says="everywhere",
        ),
        Sick(
            what="a source that always fires",
            facts=lambda facts: with_routing(facts, '[severity="critical"]', '[team="platform"]'),
            severity=Severity.WARNING,
            says="always fires",
        ),
    ),
)
