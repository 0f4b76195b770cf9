"""Every container of the stack has memory left below its limit.

At the limit a process in it is killed. What counts is the memory that cannot be given back (the working set): usage
as a whole holds the file cache as well, and is near the limit in any container that reads files. Prometheus aims at
90 % of its limit by itself, so it is only counted above that.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import changed, with_container
from monops.checks._reading import memory_limit, more_memory, share
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.ports import Memory
from monops.domain.units import show_size

#: The same as in the alert ContainerMemoryNearLimit.
NEAR = 0.9


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container near its limit."""
    for one in known(facts.containers):
        limit = memory_limit(one)
        if not one.is_running or one.memory is None or not limit or one.memory.used <= NEAR * limit:
            continue
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {one.name}",
            cause=f"it uses {share(one.memory.used / limit)} of its memory limit; at 100 % it is killed",
            evidence=(f"docker stats: {show_size(one.memory.used)} of {show_size(limit)}, without the file cache",),
            fix=Fix(
                say=f"Raise the memory limit of {one.service}, which interrupts nothing, or find what fills it.",
                command=more_memory(one),
                risk=Risk.SAFE,
            ),
        )


CHECK = Check(
    id="resources.memory",
    well="every container has memory left",
    reads=("containers",),
    judge=judge,
    sick=(
        Sick(
            what="a container near its limit",
            facts=lambda facts: with_container(
                facts, "grafana", lambda one: changed(one, memory=Memory(used=500 << 20, limit=512 << 20))
            ),
            severity=Severity.WARNING,
            says="98 % of its memory limit",
        ),
    ),
)
