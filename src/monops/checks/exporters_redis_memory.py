"""Every Redis with a memory limit of its own has room below it.

A Redis that holds a queue must not remove keys, so at its limit (`maxmemory`) it refuses every write: no job can be
added. A Redis that may remove keys runs at its limit by design and is not counted here. One without a limit is bounded
by its container: `resources.memory`.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label, share, value
from monops.checks._redis import ask
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

#: Only those that refuse writes at the limit; an exporter that does not tell the policy is taken for such.
USED = (
    "redis_memory_used_bytes / (redis_memory_max_bytes > 0)"
    ' unless on (job, instance) redis_instance_info{maxmemory_policy!~"noeviction|"}'
)
_NEAR, _FULL = 0.9, 1.0


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each Redis that is full or nearly so."""
    for found in facts.answer(USED):
        used, instance = value(found), label(found, "instance")
        if not used > _NEAR:
            continue
        is_full = used >= _FULL
        yield Finding(
            severity=Severity.ERROR if is_full else Severity.WARNING,
            subject=f"Redis {instance}",
            cause="its memory limit is reached: it refuses every write"
            if is_full
            else f"it uses {share(used)} of its memory limit; at 100 % it refuses every write",
            evidence=(f"redis_memory_used_bytes / redis_memory_max_bytes is {used:.3f}",),
            fix=Fix(
                say="Raise maxmemory, or let finished jobs be removed (removeOnComplete, removeOnFail).",
                command=ask(facts, instance, "--bigkeys"),
            ),
        )


CHECK = Check(
    id="exporters.redis_memory",
    well="every Redis has memory left",
    reads=(),
    looks_at=("containers", "neighbours"),
    queries=(USED,),
    judge=judge,
    needs=("prometheus", "redis-exporter"),
    healthy=lambda facts: with_answers(facts, {USED: (series(0.4, instance="redis:6379", job="redis"),)}),
    sick=(
        Sick(
            what="a Redis near its limit",
            facts=lambda facts: with_answers(facts, {USED: (series(0.93, instance="redis:6379", job="redis"),)}),
            severity=Severity.WARNING,
            says="93 % of its memory limit",
        ),
        Sick(
            what="a Redis at its limit",
            facts=lambda facts: with_answers(facts, {USED: (series(1.001, instance="redis:6379", job="redis"),)}),
            severity=Severity.ERROR,
            says="refuses every write",
        ),
    ),
)
