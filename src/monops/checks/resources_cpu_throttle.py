"""No container is held back by its processor limit for long.

A container that has used up its share has to wait for the next tenth of a second: everything in it gets slower, and
health checks and scrapes run into their time limits. The kernel counts that only where there is a limit. A start is
always busy, so only containers that cAdvisor has known for a quarter of an hour count.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label, share, value
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

THROTTLED = (
    'sum by (name) (increase(container_cpu_cfs_throttled_periods_total{name!=""}[15m]))'
    ' / (sum by (name) (increase(container_cpu_cfs_periods_total{name!=""}[15m])) > 0)'
    ' and on (name) container_cpu_cfs_periods_total{name!=""} offset 15m'
)
_MUCH = 0.25


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container that waits much."""
    for found in facts.answer(THROTTLED):
        name, waited = label(found, "name"), value(found)
        if not waited > _MUCH:
            continue
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {name}",
            cause=f"its processor limit holds it back: in {share(waited)} of the periods of 15 minutes it had to wait",
            evidence=(f'throttled periods of all container_cpu_cfs_periods_total{{name="{name}"}}: {waited:.2f}',),
            fix=Fix(
                say="Raise deploy.resources.limits.cpus in its Compose file, if the machine has processors to spare.",
                command=f"docker stats --no-stream {name}",
            ),
        )


CHECK = Check(
    id="resources.cpu_throttle",
    well="no container is held back by its processor limit",
    reads=(),
    queries=(THROTTLED,),
    judge=judge,
    needs=("prometheus", "cadvisor"),
    healthy=lambda facts: with_answers(facts, {THROTTLED: (series(0.02, name="ai-prometheus"),)}),
    sick=(
        Sick(
            what="a limit that is too low",
            facts=lambda facts: with_answers(facts, {THROTTLED: (series(0.6, name="ai-grafana"),)}),
            severity=Severity.WARNING,
            says="60 % of the periods",
        ),
    ),
)
