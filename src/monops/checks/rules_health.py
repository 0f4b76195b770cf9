"""Every rule can be evaluated.

A rule whose expression fails has the health `err` in Prometheus. Its alert does not fire, whatever happens, and its
recorded series end. The usual reasons are two sides of an operation that do not match one to one, results that differ
in nothing but a label which the rule overwrites, and limits of the server.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._alerting import tidy, with_rules
from monops.checks._healthy import rule, series, with_answers
from monops.checks._prometheus import OWN, must_be_scraped
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Rule, RuleGroup, known
from monops.domain.finding import Finding, Fix, Severity

FAILURES = "sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[2m])) > 0"
#: How much of an error is shown: it may name many series.
_LONGEST = 300
#: Words of the error -> (what it means, what to do). The first that is found counts.
#: Source: prometheus/prometheus, promql/engine.go and rules/alerting.go, rules/recording.go.
_MEANING = (
    (
        "many-to-many matching not allowed",
        "one side of an operation has several series for the labels that are compared",
        "Aggregate that side, or name labels with on(…) that tell its series apart.",
    ),
    (
        "multiple matches for labels",
        "one side of an operation has several series for one of the other",
        "Say which side has more with group_left or group_right, or aggregate it.",
    ),
    (
        "same labelset after applying",
        "the rule's labels overwrite the one by which its results differ",
        "Give the label another name in the rule, or aggregate it away in the expression.",
    ),
    (
        "metrics with the same labelset",
        "the expression yields two series with the same labels",
        "Ask for one metric name only, or aggregate the result.",
    ),
    ("exceeded limit of", "it yields more than the limit of its group", "Make the expression narrower or raise limit."),
    ("too many samples", "it reads more samples than query.max-samples allows", "Record a part of it in another rule."),
    ("timed out", "it takes longer than query.timeout", "Record a part of it in another rule."),
    ("deadline exceeded", "it takes longer than query.timeout", "Record a part of it in another rule."),
    ("template", "a template in its labels or annotations fails", "Mend the template."),
)


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each rule that fails, and for each group in which one failed a moment ago."""
    loaded, broken = set(), set()
    for group in known(facts.prometheus_rules):
        loaded.add(f"{group.file};{group.name}")
        for rule_ in group.rules:
            if rule_.health == "err":
                broken.add(f"{group.file};{group.name}")
                yield _failing(group, rule_)
    failures = facts.answer(FAILURES)
    if loaded and not broken and not failures:
        must_be_scraped(facts)
    for one in failures:
        name = one.labels.get("rule_group", "")
        if name in loaded - broken:
            file, _, group_name = name.rpartition(";")
            yield Finding(
                severity=Severity.WARNING,
                subject=f"rule group {group_name}",
                cause="one of its rules fails now and then, and does not at this moment",
                evidence=(f"{FAILURES}: {float(one.points[-1][1]):.0f}", f"file {file}"),
                fix=Fix(say="Read the error in Prometheus's log.", command="monops stack logs prometheus"),
            )


def _failing(group: RuleGroup, found: Rule) -> Finding:
    kind = "alert" if found.kind == "alerting" else "recording rule"
    meaning = next(((why, todo) for words, why, todo in _MEANING if words in found.last_error), None)
    why, todo = meaning or ("its evaluation fails", "Ask Prometheus for the expression and mend it.")
    effect = "it cannot fire" if found.kind == "alerting" else "nothing is recorded"
    expr = found.expr.replace("'", "'\\''")
    return Finding(
        severity=Severity.ERROR,
        subject=f"{kind} {found.name}",
        cause=f"{why}, so {effect}",
        evidence=(
            f"/api/v1/rules: health err, {tidy(found.last_error)[:_LONGEST] or 'no reason given'}",
            f"group {group.name} of {group.file}",
        ),
        fix=Fix(say=todo, command=f"monops query '{expr}'"),
    )


def _sick(error: str, kind: str = "alerting") -> Rule:
    return rule("Broken", "a / b", health="err", last_error=error, kind=kind)


CHECK = Check(
    id="rules.health",
    well="every rule can be evaluated",
    reads=("prometheus_rules", "prometheus_runtime"),
    queries=(FAILURES, OWN),
    needs=("prometheus",),
    judge=judge,
    healthy=lambda facts: with_answers(facts, {OWN: (series(1),)}),
    sick=(
        Sick(
            what="many-to-many matching",
            facts=lambda facts: with_rules(
                facts,
                _sick(
                    "found duplicate series for the match group {} on the right hand-side of the operation: [{a}, {b}]"
                    ";many-to-many matching not allowed: matching labels must be unique on one side"
                ),
            ),
            severity=Severity.ERROR,
            says="several series for the labels that are compared",
        ),
        Sick(
            what="a label of the rule that hides the difference",
            facts=lambda facts: with_rules(
                facts, _sick("vector contains metrics with the same labelset after applying alert labels")
            ),
            severity=Severity.ERROR,
            says="overwrite",
        ),
        Sick(
            what="two series with the same labels",
            facts=lambda facts: with_rules(
                facts, _sick("vector cannot contain metrics with the same labelset", "recording")
            ),
            severity=Severity.ERROR,
            says="nothing is recorded",
        ),
        Sick(
            what="more alerts than the limit",
            facts=lambda facts: with_rules(facts, _sick("exceeded limit of 10 with 12 alerts")),
            severity=Severity.ERROR,
            says="limit of its group",
        ),
        Sick(
            what="a query that takes too long",
            facts=lambda facts: with_rules(facts, _sick("query timed out in expression evaluation")),
            severity=Severity.ERROR,
            says="query.timeout",
        ),
        Sick(
            what="an error that nobody has met",
            facts=lambda facts: with_rules(facts, _sick("something new")),
            severity=Severity.ERROR,
            says="its evaluation fails",
        ),
        Sick(
            what="failures that come and go",
            facts=lambda facts: with_answers(
                facts, {FAILURES: (series(3, rule_group="/etc/prometheus/rules/monitoring.yml;monitoring"),)}
            ),
            severity=Severity.WARNING,
            says="now and then",
        ),
    ),
)
