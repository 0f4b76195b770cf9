"""Prometheus found nothing damaged in its data.

After a crash, a full disk or a kill, Prometheus repairs its log at the next start by cutting it off where it is
damaged: it runs, and what was behind is lost. The counters tell of everything since its last start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._prometheus import SUBJECT, answers, highest
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity

#: Damage is found at the start: an increase would never show it.
_DAMAGE = {
    "prometheus_tsdb_wal_corruptions_total": "its log was damaged, and cut off there: the samples behind are lost",
    "prometheus_tsdb_mmap_chunk_corruptions_total": "chunks of the newest hours were damaged and are lost",
    "prometheus_tsdb_snapshot_replay_error_total": "the snapshot of its memory could not be read back",
}
_FIRST = "prometheus_tsdb_wal_corruptions_total"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each kind of damage since the last start."""
    told = known(facts.prometheus_runtime).corruptions
    for query, count in highest(facts, tuple(_DAMAGE)).items():
        seen = max(count, told) if query == _FIRST else count
        if seen > 0:
            yield Finding(
                severity=Severity.WARNING,
                subject=SUBJECT,
                cause=_DAMAGE[query],
                evidence=(f"{query}: {seen:.0f} since its start",),
                fix=Fix(
                    say="Find in its log what was lost and why; where it matters, restore the newest backup aside.",
                    command="monops stack logs prometheus | grep -iE 'corrupt|repair'",
                ),
            )


def _damaged(query: str) -> Sick:
    return Sick(
        what=query,
        facts=lambda facts: answers({query: 1}, facts),
        severity=Severity.WARNING,
        says=_DAMAGE[query],
    )


CHECK = Check(
    id="storage.corruption",
    well="nothing is damaged",
    reads=("prometheus_runtime",),
    queries=tuple(_DAMAGE),
    judge=judge,
    needs=("prometheus",),
    healthy=lambda facts: answers(dict.fromkeys(_DAMAGE, 0), facts),
    sick=(
        *(_damaged(query) for query in _DAMAGE),
        Sick(
            what="corruptions that only the server tells of",
            facts=lambda facts: replace(
                facts, prometheus_runtime=replace(known(facts.prometheus_runtime), corruptions=2)
            ),
            severity=Severity.WARNING,
            says="its log was damaged",
        ),
    ),
)
