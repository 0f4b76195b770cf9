"""Prometheus can write its data and keep them in order.

Every two hours it writes what it has in memory into a block, cuts off its log, and joins older blocks. Where that fails
its memory and its log grow until it is killed or the disk is full. The reasons are few: a full disk, a folder of
another user, damage.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._data import data_disk, on_disk
from monops.checks._prometheus import SUBJECT, answers, container_of, grown, highest, increase
from monops.domain.check import Check, Sick
from monops.domain.facts import Disk, Facts, IsUnknown
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.nearest import listed
from monops.domain.units import show_size

_TSDB = "prometheus_tsdb"
#: query -> what fails.
_FAILURES = {
    increase(f"{_TSDB}_compactions_failed_total", "3h"): "joining blocks",
    increase(f"{_TSDB}_reloads_failures_total", "3h"): "loading blocks",
    increase(f"{_TSDB}_head_truncations_failed_total", "3h"): "emptying its memory",
    increase(f"{_TSDB}_checkpoint_creations_failed_total", "3h"): "shortening its log",
    increase(f"{_TSDB}_wal_truncations_failed_total", "3h"): "cutting off its log",
    increase(f"{_TSDB}_wal_writes_failed_total", "3h"): "writing its log, so that samples are lost",
}
_FULL = 0.02


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for all that fails: the reason is the same."""
    failed = {query: count for query, count in highest(facts, tuple(_FAILURES)).items() if count > 0}
    if not failed:
        return
    evidence = [grown(query, count) for query, count in failed.items()]
    cause = f"in the last 3 hours {listed(_FAILURES[query] for query in failed)} failed"
    fix = Fix(
        say="Correct what its log names: the owner of the folder, the disk, or a damaged block.",
        command="monops stack logs prometheus --tail 500 | grep -E 'level=(ERROR|error)'",
    )
    disk = _disk(facts)
    if disk is not None and disk.free_share < _FULL:
        cause += ": the disk is full"
        evidence.append(f"{disk.path}: {show_size(disk.free)} of {show_size(disk.total)} free")
        fix = Fix(
            say="Make room on the disk; then lower its retention.size.",
            command="docker system df",
            risk=Risk.READS,
        )
    yield Finding(severity=Severity.ERROR, subject=SUBJECT, cause=cause, evidence=tuple(evidence), fix=fix)


def _disk(facts: Facts) -> Disk | None:
    one = container_of(facts)
    try:
        return data_disk(one, facts) if one else None
    except IsUnknown:
        return None


def _failing(query: str) -> Sick:
    return Sick(
        what=f"{_FAILURES[query]} fails",
        facts=lambda facts: answers({query: 3}, facts),
        severity=Severity.ERROR,
        says=_FAILURES[query],
    )


CHECK = Check(
    id="storage.compaction",
    well="it can write its data and keep them in order",
    reads=("prometheus_runtime",),
    looks_at=("containers", "data_disks", "engine_disk"),
    queries=tuple(_FAILURES),
    judge=judge,
    needs=("prometheus",),
    healthy=lambda facts: answers(dict.fromkeys(_FAILURES, 0), facts),
    sick=(
        *(_failing(query) for query in _FAILURES),
        Sick(
            what="a full disk",
            facts=lambda facts: on_disk(
                Disk(path="/prometheus", total=1 << 40, free=1 << 20, kind="ext4"),
                answers({next(iter(_FAILURES)): 3}, facts),
            ),
            severity=Severity.ERROR,
            says="the disk is full",
        ),
    ),
)
