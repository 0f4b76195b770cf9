"""Every rule group is done before it is due again.

A group is evaluated one rule after the other. Where that takes longer than its interval, evaluations are left out:
alerts fire late and recorded series have gaps. Prometheus counts what it left out, and how long each rule took.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from monops.checks._alerting import with_rules
from monops.checks._healthy import series, with_answers
from monops.checks._prometheus import OWN, must_be_scraped
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, RuleGroup, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.units import show_duration

#: More than one: a machine that was busy for a moment is no finding.
MISSED = "sum by (rule_group) (increase(prometheus_rule_group_iterations_missed_total[10m])) > 1.5"
#: The share of its interval that a group may take.
_SHARE = 0.5


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each group that takes too long, or left evaluations out."""
    missed = {one.labels.get("rule_group", ""): float(one.points[-1][1]) for one in facts.answer(MISSED)}
    is_well = True
    for group in known(facts.prometheus_rules):
        left_out = missed.get(f"{group.file};{group.name}", 0.0)
        is_long = group.interval > 0 and group.evaluation > _SHARE * group.interval
        if left_out or is_long:
            is_well = False
            yield _finding(group, left_out)
    if is_well and known(facts.prometheus_rules):
        must_be_scraped(facts)


def _finding(group: RuleGroup, left_out: float) -> Finding:
    took, interval = _shown(group.evaluation), _shown(group.interval)
    slowest = max(group.rules, key=lambda rule: rule.evaluation, default=None)
    if left_out:
        cause = f"{left_out:.0f} evaluations were left out in 10 minutes, because the one before had not ended"
    else:
        cause = f"an evaluation takes {took}, more than half of its interval of {interval}"
    evidence = [f"/api/v1/rules: it took {took}, its interval is {interval}"]
    if left_out:
        evidence.append(f"prometheus_rule_group_iterations_missed_total: {left_out:.0f} more in 10 minutes")
    if slowest is not None:
        evidence.append(f"the slowest rule is {slowest.name}: {_shown(slowest.evaluation)}")
    return Finding(
        severity=Severity.WARNING,
        subject=f"rule group {group.name}",
        cause=cause,
        evidence=tuple(evidence),
        fix=Fix(
            say="Make the slowest rule cheaper, move it to a group of its own, or give Prometheus more processor time.",
            command="monops query 'topk(5, prometheus_rule_group_last_duration_seconds)'",
        ),
    )


def _shown(seconds: float) -> str:
    return show_duration(timedelta(seconds=seconds))


CHECK = Check(
    id="rules.slow",
    well="every rule group is done before it is due again",
    reads=("prometheus_rules", "prometheus_runtime"),
    queries=(MISSED, OWN),
    needs=("prometheus",),
    judge=judge,
    healthy=lambda facts: with_answers(facts, {OWN: (series(1),)}),
    sick=(
        Sick(
            what="a group that takes most of its interval",
            facts=lambda facts: with_rules(facts, evaluation=12.0),
            severity=Severity.WARNING,
            says="more than half",
        ),
        Sick(
            what="evaluations that were left out",
            facts=lambda facts: with_answers(
                facts, {MISSED: (series(7, rule_group="/etc/prometheus/rules/monitoring.yml;monitoring"),)}
            ),
            severity=Severity.WARNING,
            says="left out",
        ),
    ),
)
