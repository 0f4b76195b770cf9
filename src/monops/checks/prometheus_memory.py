"""Prometheus has room below its memory limit.

It holds the newest two to three hours of every series in memory. Near its limit it spends its time tidying up, and
above it is killed, then reads its log again, which takes more still. Keeping data for less time does not help: fewer
series do. Judged is the most that it needed in six hours, of the memory that it cannot give back.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import changed, with_container
from monops.checks._prometheus import SUBJECT, answers, highest
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.scrape_scene import prometheus_of
from monops.domain.units import show_size

#: Resident memory counts mapped files as well, which the kernel takes back; this is what Go holds.
PEAK = (
    "max_over_time((go_memstats_sys_bytes - go_memstats_heap_released_bytes)[6h:1m])"
    " and on (job, instance) prometheus_build_info"
)
SERIES = "prometheus_tsdb_head_series"
_LIMIT = 0.9


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding where it came near its limit."""
    one = prometheus_of(known(facts.containers))
    limit = _limit(one) if one else 0
    found = highest(facts, (PEAK, SERIES))
    if one is None or not limit or found[PEAK] <= _LIMIT * limit:
        return
    yield Finding(
        severity=Severity.WARNING,
        subject=SUBJECT,
        cause=f"in the last 6 hours it needed {show_size(found[PEAK])} of the {show_size(limit)} that it may use",
        evidence=(
            f"docker inspect {one.name}: memory limit {show_size(limit)}",
            f"prometheus_tsdb_head_series: {found[SERIES]:.0f} series in memory",
        ),
        fix=Fix(
            say="Raise its limit in the Compose file, or drop series; the metrics with the most are shown by this.",
            command="monops query 'topk(10, count by (__name__) ({__name__!=\"\"}))'",
        ),
    )


def _limit(one: SeenContainer) -> int:
    return int((one.container.raw.get("HostConfig") or {}).get("Memory") or 0)


def _small(facts: Facts) -> Facts:
    """A container with a small limit, so that the example needs no large number."""
    return with_container(
        facts, "prometheus", lambda one: changed(one, container={"raw": {"HostConfig": {"Memory": 1 << 30}}})
    )


CHECK = Check(
    id="prometheus.memory",
    well="it has room below its memory limit",
    reads=("containers", "prometheus_runtime"),
    queries=(PEAK, SERIES),
    judge=judge,
    needs=("prometheus",),
    healthy=lambda facts: answers({PEAK: 200 << 20, SERIES: 12_000}, facts),
    sick=(
        Sick(
            what="more series than memory",
            facts=lambda facts: answers({PEAK: 1000 << 20, SERIES: 900_000}, _small(facts)),
            severity=Severity.WARNING,
            says="of the 1.0 GiB",
        ),
    ),
)
