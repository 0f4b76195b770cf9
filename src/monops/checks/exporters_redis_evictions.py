"""No Redis has removed keys for want of memory in the last hour.

A cache may do that. A queue loses jobs by it, without an error anywhere. Whether there is a queue is told by the
application's own metric of it, `bullmq_queue_waiting`; without one this is only worth knowing.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label, value
from monops.checks._redis import ask
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

EVICTED = "increase(redis_evicted_keys_total[1h]) > 0"
QUEUES = "count(bullmq_queue_waiting)"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each Redis that has removed keys."""
    has_queue = bool(facts.answer(QUEUES))
    for found in facts.answer(EVICTED):
        instance, keys = label(found, "instance"), max(1, round(value(found)))
        lost = ": jobs of a queue are lost by that" if has_queue else ", as a cache does"
        yield Finding(
            severity=Severity.WARNING if has_queue else Severity.INFO,
            subject=f"Redis {instance}",
            cause=f"it has removed {keys} keys for want of memory in the last hour{lost}",
            evidence=(f'increase(redis_evicted_keys_total{{instance="{instance}"}}[1h]) is {value(found):.1f}',),
            fix=Fix(
                say="Give it more memory (maxmemory); where it holds a queue, set maxmemory-policy noeviction.",
                command=ask(facts, instance, "CONFIG GET 'maxmemory*'"),
            ),
        )


CHECK = Check(
    id="exporters.redis_evictions",
    well="no Redis removes keys for want of memory",
    reads=(),
    looks_at=("containers", "neighbours"),
    queries=(EVICTED, QUEUES),
    judge=judge,
    needs=("prometheus", "redis-exporter"),
    healthy=lambda facts: with_answers(facts, {QUEUES: (series(3),)}),
    sick=(
        Sick(
            what="a queue that loses jobs",
            facts=lambda facts: with_answers(facts, {EVICTED: (series(12.2, instance="redis:6379", job="redis"),)}),
            severity=Severity.WARNING,
            says="removed 12 keys",
        ),
        Sick(
            what="a cache at its limit",
            facts=lambda facts: with_answers(
                facts, {EVICTED: (series(12.2, instance="redis:6379", job="redis"),), QUEUES: ()}
            ),
            severity=Severity.INFO,
            says="as a cache does",
        ),
    ),
)
