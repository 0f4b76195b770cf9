"""Every rule is evaluated often enough for what it says.

A `for` shorter than the interval of its group cannot be kept: the alert fires at the second evaluation at the
earliest. And a group with an interval longer than five minutes (query.lookback-delta) records series that are gone
before the next value comes, so that graphs and alerts made of them have gaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from monops.checks._alerting import count, few, with_rules
from monops.checks._healthy import rule
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.units import parse_duration, show_duration


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each group whose interval does not fit its rules."""
    lookback = parse_duration(known(facts.prometheus_flags).get("query.lookback-delta") or "5m").total_seconds()
    for group in known(facts.prometheus_rules):
        interval = _shown(group.interval)
        recorded = [one.name for one in group.rules if one.kind == "recording"]
        if group.interval > lookback and recorded:
            yield Finding(
                severity=Severity.WARNING,
                subject=f"rule group {group.name}",
                cause=f"what it records every {interval} is forgotten after {_shown(lookback)}, so it has gaps",
                evidence=(f"/api/v1/rules: interval {interval}", f"recorded: {few(recorded)}"),
                fix=Fix(say=f"Give the group an interval of at most {_shown(lookback / 2)}."),
            )
        early = [one for one in group.rules if 0 < one.holds_for < group.interval]
        if early:
            shortest = min(one.holds_for for one in early)
            yield Finding(
                severity=Severity.INFO,
                subject=f"rule group {group.name}",
                cause=f"{count(len(early), 'alert')} cannot fire after {_shown(shortest)} as written, but after the"
                f" next evaluation, {interval} later",
                evidence=(
                    f"/api/v1/rules: interval {interval}",
                    f"shorter: {few(f'{one.name} (for {_shown(one.holds_for)})' for one in early)}",
                ),
                fix=Fix(say="Shorten the interval of the group, or write a for that is as long."),
            )


def _shown(seconds: float) -> str:
    return show_duration(timedelta(seconds=seconds))


CHECK = Check(
    id="rules.interval",
    well="every rule is evaluated often enough",
    reads=("prometheus_rules", "prometheus_flags"),
    needs=("prometheus",),
    judge=judge,
    sick=(
        Sick(
            what="a for that is shorter than the interval",
            facts=lambda facts: with_rules(facts, rule("Quick", "up == 0", holds_for=5.0)),
            severity=Severity.INFO,
            says="cannot fire after 5.0s",
        ),
        Sick(
            what="a recording rule that is evaluated every ten minutes",
            facts=lambda facts: with_rules(
                facts, replace(rule("job:up:sum", "sum by (job) (up)"), kind="recording", state=""), interval=600.0
            ),
            severity=Severity.WARNING,
            says="so it has gaps",
        ),
    ),
)
