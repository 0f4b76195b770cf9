"""Every other container of this machine has memory left below its limit.

The application's containers, as cAdvisor sees them: the working set against the limit. Those without a limit cannot be
near it and do not count; those of the stack itself are asked of the engine: `resources.memory`.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label, service_names, share, value
from monops.checks.resources_memory import NEAR
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Risk, Severity

USED = (
    'max by (name) (container_memory_working_set_bytes{name!=""})'
    ' / max by (name) (container_spec_memory_limit_bytes{name!=""} > 0)'
)


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container near its limit."""
    ours = service_names(facts)
    for found in facts.answer(USED):
        name, used = label(found, "name"), value(found)
        if name in ours or not used > NEAR:
            continue
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {name}",
            cause=f"it uses {share(used)} of its memory limit; at 100 % it is killed",
            evidence=(f'working set of the limit, container_memory_working_set_bytes{{name="{name}"}}: {used:.3f}',),
            fix=Fix(
                say="Raise its memory limit in its Compose file, or find what fills it.",
                command=f"docker stats --no-stream {name}",
                risk=Risk.READS,
            ),
        )


CHECK = Check(
    id="resources.neighbours_memory",
    well="every other container of this machine has memory left",
    reads=("containers",),
    queries=(USED,),
    judge=judge,
    needs=("prometheus", "cadvisor"),
    healthy=lambda facts: with_answers(facts, {USED: (series(0.75, name="shop-worker-1"),)}),
    sick=(
        Sick(
            what="a worker near its limit",
            facts=lambda facts: with_answers(facts, {USED: (series(0.96, name="shop-worker-1"),)}),
            severity=Severity.WARNING,
            says="96 % of its memory limit",
        ),
    ),
)
