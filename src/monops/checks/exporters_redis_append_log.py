"""Every Redis that keeps a log of its writes can write it.

With `appendonly yes` each write goes into a log on disk. When that fails Redis refuses writes until it works again.
A log that cannot be rewritten only grows: that hurts later, when the disk is full or Redis takes long to start.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label
from monops.checks._redis import ask
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

WRITE_FAILED = "redis_aof_last_write_status == 0 and on (job, instance) redis_aof_enabled == 1"
REWRITE_FAILED = "redis_aof_last_bgrewrite_status == 0 and on (job, instance) redis_aof_enabled == 1"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each Redis whose log cannot be written or rewritten."""
    for query, severity, cause in (
        (WRITE_FAILED, Severity.ERROR, "it cannot write its log to disk, so it refuses writes"),
        (REWRITE_FAILED, Severity.WARNING, "it cannot rewrite its log, which only grows"),
    ):
        for found in facts.answer(query):
            instance = label(found, "instance")
            yield Finding(
                severity=severity,
                subject=f"Redis {instance}",
                cause=cause,
                evidence=(f'{query.partition(" ")[0]}{{instance="{instance}"}} is 0',),
                fix=Fix(
                    say="Make room or mend the owner of its data folder.",
                    command=ask(facts, instance, "INFO persistence"),
                ),
            )


CHECK = Check(
    id="exporters.redis_append_log",
    well="every Redis can write its log",
    reads=(),
    looks_at=("containers", "neighbours"),
    queries=(WRITE_FAILED, REWRITE_FAILED),
    judge=judge,
    needs=("prometheus", "redis-exporter"),
    sick=(
        Sick(
            what="a log that cannot be written",
            facts=lambda facts: with_answers(facts, {WRITE_FAILED: (series(0, instance="redis:6379", job="redis"),)}),
            severity=Severity.ERROR,
            says="refuses writes",
        ),
        Sick(
            what="a log that cannot be rewritten",
            facts=lambda facts: with_answers(facts, {REWRITE_FAILED: (series(0, instance="redis:6379", job="redis"),)}),
            severity=Severity.WARNING,
            says="only grows",
        ),
    ),
)
