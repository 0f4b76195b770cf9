"""No container with a memory limit lives in swap.

Docker allows a container with a memory limit as much swap again, unless `memswap_limit` says otherwise. On a machine
with swap it is then not killed at its limit but gets slow, which is harder to see. That it may swap is no fault; that
it does is.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label, share, value
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

SWAPPED = (
    'max by (name) (container_memory_swap{name!=""}) / max by (name) (container_spec_memory_limit_bytes{name!=""} > 0)'
)
_MUCH = 0.1


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container that has much in swap."""
    for found in facts.answer(SWAPPED):
        name, swapped = label(found, "name"), value(found)
        if not swapped > _MUCH:
            continue
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {name}",
            cause=f"as much as {share(swapped)} of its memory limit is swapped out: it is slow instead of killed",
            evidence=(f'container_memory_swap / container_spec_memory_limit_bytes{{name="{name}"}} is {swapped:.2f}',),
            fix=Fix(
                say="Raise its memory limit, or forbid it to swap (memswap_limit equal to the memory limit).",
                command=f"docker stats --no-stream {name}",
            ),
        )


CHECK = Check(
    id="resources.swap",
    well="no container lives in swap",
    reads=(),
    queries=(SWAPPED,),
    judge=judge,
    needs=("prometheus", "cadvisor"),
    healthy=lambda facts: with_answers(facts, {SWAPPED: (series(0.01, name="ai-prometheus"),)}),
    sick=(
        Sick(
            what="a container that has outgrown its limit",
            facts=lambda facts: with_answers(facts, {SWAPPED: (series(0.45, name="ai-grafana"),)}),
            severity=Severity.WARNING,
            says="45 % of its memory limit is swapped out",
        ),
    ),
)
