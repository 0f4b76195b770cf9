"""Every Redis could write its last snapshot to disk.

When saving in the background fails, Redis goes on answering reads and, as it is set unless somebody changed it
(`stop-writes-on-bgsave-error`), refuses writes. A full disk, a folder it may not write to, or no memory for the fork
are the usual reasons.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label
from monops.checks._redis import ask
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

FAILED = "redis_rdb_last_bgsave_status == 0"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each Redis whose last snapshot failed."""
    for found in facts.answer(FAILED):
        instance = label(found, "instance")
        yield Finding(
            severity=Severity.ERROR,
            subject=f"Redis {instance}",
            cause="its last snapshot to disk failed: it refuses writes, and what is new is in memory alone",
            evidence=(f'redis_rdb_last_bgsave_status{{instance="{instance}"}} is 0',),
            fix=Fix(
                say="Make room or mend the owner of its data folder, then let it save again with BGSAVE.",
                command=ask(facts, instance, "INFO persistence"),
            ),
        )


CHECK = Check(
    id="exporters.redis_snapshots",
    well="every Redis could write its last snapshot",
    reads=(),
    looks_at=("containers", "neighbours"),
    queries=(FAILED,),
    judge=judge,
    needs=("prometheus", "redis-exporter"),
    sick=(
        Sick(
            what="a disk that is full",
            facts=lambda facts: with_answers(facts, {FAILED: (series(0, instance="redis:6379", job="redis"),)}),
            severity=Severity.ERROR,
            says="last snapshot to disk failed",
        ),
    ),
)
