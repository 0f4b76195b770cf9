"""Every Redis has room for more clients.

At `maxclients` a Redis refuses every further connection: workers cannot take jobs, and the exporter itself cannot get
in. Clients that never hang up are the usual reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label, share, value
from monops.checks._redis import ask
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

REFUSED = "increase(redis_rejected_connections_total[1h]) > 0"
TAKEN = "redis_connected_clients / (redis_config_maxclients > 0) > 0.9"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each Redis that refuses clients, or soon will."""
    refused = {label(found, "instance"): value(found) for found in facts.answer(REFUSED)}
    taken = {label(found, "instance"): value(found) for found in facts.answer(TAKEN)}
    for instance in sorted({*refused, *taken}):
        cause, evidence = "", []
        if instance in taken:
            evidence.append(f"redis_connected_clients / redis_config_maxclients is {taken[instance]:.2f}")
            cause = f"{share(taken[instance])} of the connections that it allows are taken"
        if instance in refused:
            cause = f"it has refused {max(1, round(refused[instance]))} connections in the last hour, having too many"
            evidence.append(f"increase(redis_rejected_connections_total[1h]) is {refused[instance]:.1f}")
        yield Finding(
            severity=Severity.WARNING,
            subject=f"Redis {instance}",
            cause=cause,
            evidence=tuple(evidence),
            fix=Fix(
                say="Find who does not hang up; raise maxclients where all of them are needed.",
                command=ask(facts, instance, "CLIENT LIST"),
            ),
        )


CHECK = Check(
    id="exporters.redis_connections",
    well="every Redis has room for more clients",
    reads=(),
    looks_at=("containers", "neighbours"),
    queries=(REFUSED, TAKEN),
    judge=judge,
    needs=("prometheus", "redis-exporter"),
    sick=(
        Sick(
            what="clients that were refused",
            facts=lambda facts: with_answers(facts, {REFUSED: (series(7.1, instance="redis:6379", job="redis"),)}),
            severity=Severity.WARNING,
            says="refused 7 connections",
        ),
        Sick(
            what="connections that are nearly all taken",
            facts=lambda facts: with_answers(facts, {TAKEN: (series(0.95, instance="redis:6379", job="redis"),)}),
            severity=Severity.WARNING,
            says="95 % of the connections",
        ),
    ),
)
