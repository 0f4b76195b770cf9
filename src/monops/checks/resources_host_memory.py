"""Every machine that a node exporter watches has memory left.

Memory that the kernel can free when it needs to counts as free. A machine that has next to none for five minutes, or
that reads back from swap all the time, is about to kill processes or already too slow to use.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label, share, value
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

#: The most that was free at any time in 5 minutes; the same limit as in the alert HighMemoryUsage.
FULL = "1 - max_over_time(node_memory_MemAvailable_bytes[5m]) / node_memory_MemTotal_bytes > 0.9"
#: Pages a second that are read back.
SWAPPING = "rate(node_vmstat_pswpin[10m]) > 100 and rate(node_vmstat_pswpout[10m]) > 100"
_BIGGEST = "docker stats --no-stream --format '{{.MemUsage}}\\t{{.Name}}' | sort -rh | head"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each machine that is short of memory."""
    for found in facts.answer(FULL):
        yield Finding(
            severity=Severity.WARNING,
            subject=f"machine {label(found, 'instance')}",
            cause=f"{share(value(found))} of its memory is in use: the kernel will kill something when it is used up",
            evidence=(f"1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes is {value(found):.3f}",),
            fix=Fix(say="Find what takes the memory, and limit it or move it away.", command=_BIGGEST),
        )
    for found in facts.answer(SWAPPING):
        yield Finding(
            severity=Severity.WARNING,
            subject=f"machine {label(found, 'instance')}",
            cause="it moves memory to swap and back all the time, which slows down everything on it",
            evidence=(f"rate(node_vmstat_pswpin[10m]) is {value(found):.0f} pages a second",),
            fix=Fix(say="Find what takes the memory, and limit it or move it away.", command=_BIGGEST),
        )


CHECK = Check(
    id="resources.host_memory",
    well="every machine has memory left",
    reads=(),
    queries=(FULL, SWAPPING),
    judge=judge,
    needs=("prometheus", "node-exporter"),
    sick=(
        Sick(
            what="a machine whose memory is nearly used up",
            facts=lambda facts: with_answers(facts, {FULL: (series(0.95, instance="docker-host", job="node"),)}),
            severity=Severity.WARNING,
            says="95 % of its memory",
        ),
        Sick(
            what="a machine that swaps all the time",
            facts=lambda facts: with_answers(facts, {SWAPPING: (series(2400, instance="docker-host", job="node"),)}),
            severity=Severity.WARNING,
            says="to swap and back",
        ),
    ),
)
