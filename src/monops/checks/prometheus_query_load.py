"""Prometheus answers queries without a queue.

It answers a limited number of queries at once, 20 unless told; more wait. Dashboards with many panels over long times,
or rules with heavy expressions, make everything slow, the rules themselves as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._prometheus import SUBJECT, answers, highest, values
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

#: 1 where all places are taken.
TAKEN = "max_over_time(prometheus_engine_queries[5m]) / prometheus_engine_queries_concurrent_max"
DURATION = 'prometheus_engine_query_duration_seconds{quantile="0.9"}'
_SLOW_SECONDS = 10.0
_LIMIT = 0.8


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for a queue, one for slow queries."""
    found = highest(facts, (TAKEN, DURATION))
    if found[TAKEN] > _LIMIT:
        yield Finding(
            severity=Severity.WARNING,
            subject=SUBJECT,
            cause=f"it works on {found[TAKEN]:.0%} of the queries that it takes at once; more have to wait",
            evidence=(f"{TAKEN}: {found[TAKEN]:.2f}",),
            fix=Fix(
                say="Find the panels or rules with the longest queries: let it log queries by query_log_file.",
                command="monops query 'topk(5, prometheus_rule_group_last_duration_seconds)'",
            ),
        )
    slices = {labels.get("slice", ""): value for labels, value in values(facts.answer(DURATION))}
    slow = slices.get("inner_eval", 0.0)
    if slow > _SLOW_SECONDS:
        yield Finding(
            severity=Severity.WARNING,
            subject=SUBJECT,
            cause=f"one query in ten takes longer than {slow:.0f} s",
            evidence=(f'{DURATION}, slice="inner_eval": {slow:.1f} s',),
            fix=Fix(
                say="Let recording rules compute in advance what dashboards ask over long times.",
                command="monops query 'topk(5, prometheus_rule_group_last_duration_seconds)'",
            ),
        )


CHECK = Check(
    id="prometheus.query_load",
    well="queries do not wait",
    reads=("prometheus_runtime",),
    queries=(TAKEN, DURATION),
    judge=judge,
    needs=("prometheus",),
    healthy=lambda facts: answers({TAKEN: 0.05, DURATION: 0.01}, facts),
    sick=(
        Sick(
            what="too many queries at once",
            facts=lambda facts: answers({TAKEN: 0.95}, facts),
            severity=Severity.WARNING,
            says="have to wait",
        ),
        Sick(
            what="slow queries",
            facts=lambda facts: with_answers(facts, {DURATION: (series(42, slice="inner_eval", quantile="0.9"),)}),
            severity=Severity.WARNING,
            says="longer than 42 s",
        ),
    ),
)
