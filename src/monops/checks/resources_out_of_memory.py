"""No container of the stack was killed for want of memory in the last day.

The kernel kills a process when its container reaches the memory limit. A container that is started again forgets it:
the mark `OOMKilled` goes with the restart. So the engine's events are counted as well. One that has ended and is not
started again is reported as not running: `stack.running`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import changed, with_container
from monops.checks._reading import memory_limit, more_memory
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer, known
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.units import show_size

#: Those that `stack.running` tells the reason of.
_ENDED = ("exited", "dead", "created")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container that was killed and is there again."""
    kills = known(facts.oom_events)
    for one in known(facts.containers):
        count = kills.get(one.service, 0)
        if one.container.state in _ENDED or not (count or one.out_of_memory):
            continue
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {one.name}",
            cause=_cause(one, count),
            evidence=(
                f"docker events --since 24h --filter event=oom: {count}",
                f"docker inspect: OOMKilled {str(one.out_of_memory).lower()}, {one.restarts} restarts",
            ),
            fix=Fix(
                say=f"Raise the memory limit of {one.service}, which interrupts nothing, or find what fills it.",
                command=more_memory(one),
                risk=Risk.SAFE,
            ),
        )


def _cause(one: SeenContainer, count: int) -> str:
    limit = memory_limit(one)
    reached = f"its limit of {show_size(limit)}" if limit else "the end of the machine's memory"
    if not count:
        return f"it was killed because it reached {reached}, and was started again"
    times = "once" if count == 1 else f"{count} times"
    return f"in the last day the kernel has killed {times} in it, because it reached {reached}"


CHECK = Check(
    id="resources.out_of_memory",
    well="no container was killed for want of memory",
    reads=("containers", "oom_events"),
    judge=judge,
    sick=(
        Sick(
            what="a container that was killed and started again",
            facts=lambda facts: replace(facts, oom_events={"grafana": 2}),
            severity=Severity.WARNING,
            says="killed 2 times",
        ),
        Sick(
            what="a container whose last end was for want of memory",
            facts=lambda facts: with_container(
                facts, "prometheus", lambda one: changed(one, out_of_memory=True, restarts=1)
            ),
            severity=Severity.WARNING,
            says="its limit of 2.0 GiB",
        ),
    ),
)
