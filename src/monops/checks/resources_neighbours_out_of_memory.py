"""No other container of this machine was killed for want of memory in the last day.

The application's containers, by cAdvisor's count of the kernel's kills. A worker that is killed and started again
looks healthy a moment later; its jobs do not. Those of the stack itself: `resources.out_of_memory`.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label, service_names, value
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

KILLED = 'sum by (name) (increase(container_oom_events_total{name!=""}[1d])) > 0'


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container in which something was killed."""
    ours = service_names(facts)
    for found in facts.answer(KILLED):
        name, count = label(found, "name"), max(1, round(value(found)))
        if name in ours:
            continue
        times = "once" if count == 1 else f"{count} times"
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {name}",
            cause=f"in the last day the kernel has killed {times} in it, because it reached its memory limit",
            evidence=(f'increase(container_oom_events_total{{name="{name}"}}[1d]) is {value(found):.1f}',),
            fix=Fix(
                say="Raise its memory limit in its Compose file, or find what fills it.",
                command=f"docker stats --no-stream {name}",
            ),
        )


CHECK = Check(
    id="resources.neighbours_out_of_memory",
    well="no other container was killed for want of memory",
    reads=("containers",),
    queries=(KILLED,),
    judge=judge,
    needs=("prometheus", "cadvisor"),
    sick=(
        Sick(
            what="a worker that is killed again and again",
            facts=lambda facts: with_answers(facts, {KILLED: (series(3.02, name="shop-worker-1"),)}),
            severity=Severity.WARNING,
            says="killed 3 times",
        ),
    ),
)
