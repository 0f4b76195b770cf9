"""Prometheus's memory does not go into a few metrics that nobody needs so finely.

Series make its memory, not the retention: a shorter retention frees disk only. This says which metrics have the most
series, and only where its memory is short: otherwise many series are no fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import changed, with_container
from monops.checks._reading import memory_limit, of_service, share
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.ports import Memory

_SHORT = 0.8
_SHOWN = 3


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for a Prometheus that is short of memory."""
    counts = known(facts.prometheus_cardinality)
    for one in of_service(facts, "prometheus"):
        limit = memory_limit(one)
        if not counts or one.memory is None or not limit or one.memory.used <= _SHORT * limit:
            continue
        most = sorted(counts.items(), key=lambda pair: -pair[1])
        named = ", ".join(f"{metric} ({count} series)" for metric, count in most[:_SHOWN])
        yield Finding(
            severity=Severity.INFO,
            subject=f"container {one.name}",
            cause=f"it uses {share(one.memory.used / limit)} of its memory limit, most of it for {named}",
            evidence=tuple(f"/api/v1/status/tsdb: {metric} {count}" for metric, count in most[:10]),
            fix=Fix(
                say="Drop what nobody looks at (metric_relabel_configs), and labels with ids in them at their source.",
                command="monops query 'topk(10, count by (__name__, job) ({__name__!=\"\"}))'",
            ),
        )


CHECK = Check(
    id="resources.top_talkers",
    well="the series of Prometheus fit into its memory",
    reads=("containers", "prometheus_cardinality"),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(
            what="a metric with an id in its labels",
            facts=lambda facts: with_container(
                replace(facts, prometheus_cardinality={"up": 10, "requests_total": 900_000}),
                "prometheus",
                lambda one: changed(one, memory=Memory(used=1900 << 20, limit=2048 << 20)),
            ),
            severity=Severity.INFO,
            says="requests_total (900000 series)",
        ),
    ),
)
