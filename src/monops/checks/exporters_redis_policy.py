"""A Redis that holds the queue never removes keys by itself.

BullMQ works right with `maxmemory-policy noeviction` alone. With any other policy and a memory limit, jobs vanish as
soon as the limit is reached. Only asked where the application's metrics tell of a queue, and where the Redis has a
limit at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label
from monops.checks._redis import ask
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Risk, Severity

#: Source: docs.bullmq.io, "Going to production".
EVICTING = (
    'redis_instance_info{maxmemory_policy!~"noeviction|"} and on (job, instance) redis_memory_max_bytes > 0'
    " and on () bullmq_queue_waiting"
)


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each Redis with another policy."""
    for found in facts.answer(EVICTING):
        instance, policy = label(found, "instance"), label(found, "maxmemory_policy")
        yield Finding(
            severity=Severity.WARNING,
            subject=f"Redis {instance}",
            cause=f"with maxmemory-policy {policy} it removes jobs of the queue once its memory is full",
            evidence=(f'redis_instance_info{{instance="{instance}",maxmemory_policy="{policy}"}}',),
            fix=Fix(
                say="Set maxmemory-policy noeviction, here and in its configuration.",
                command=ask(facts, instance, "CONFIG SET maxmemory-policy noeviction"),
                risk=Risk.SAFE,
            ),
        )


CHECK = Check(
    id="exporters.redis_policy",
    well="the queue's Redis never removes keys by itself",
    reads=(),
    looks_at=("containers", "neighbours"),
    queries=(EVICTING,),
    judge=judge,
    needs=("prometheus", "redis-exporter"),
    sick=(
        Sick(
            what="a Redis that is set up as a cache",
            facts=lambda facts: with_answers(
                facts, {EVICTING: (series(1, instance="redis:6379", job="redis", maxmemory_policy="allkeys-lru"),)}
            ),
            severity=Severity.WARNING,
            says="allkeys-lru",
        ),
    ),
)
