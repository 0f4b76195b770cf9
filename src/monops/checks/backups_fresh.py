"""The newest good backup of every source is of the last day.

A daily job and two hours' grace, as in the alert BackupStale. Several destinations count as one: the newest says how
much would be lost. An old backup mostly means that the timer or cron job does not run any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from monops.checks._healthy import AT, series, with_answers
from monops.checks._reading import DAY, label, value
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.units import show_duration

NEWEST = "max by (source) (monops_backup_last_success_timestamp_seconds)"
_OLD, _VERY_OLD = 26 * 3600.0, 7 * DAY


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each source whose newest backup is old."""
    for found in facts.answer(NEWEST):
        source, age = label(found, "source"), facts.now.timestamp() - value(found)
        if not age > _OLD:
            continue
        yield Finding(
            severity=Severity.ERROR if age > _VERY_OLD else Severity.WARNING,
            subject=f"backup of {source}",
            cause=f"the newest good one is {show_duration(timedelta(seconds=age))} old",
            evidence=(f'monops_backup_last_success_timestamp_seconds{{source="{source}"}} is {value(found):.0f}',),
            fix=Fix(
                say="Make one now, and look why the job that makes them does not run.",
                command="monops backup",
                risk=Risk.SAFE,
            ),
        )


CHECK = Check(
    id="backups.fresh",
    well="every source has a backup of the last day",
    reads=(),
    queries=(NEWEST,),
    judge=judge,
    needs=("prometheus", "node-exporter"),
    healthy=lambda facts: with_answers(facts, {NEWEST: (series(AT - 20 * 3600, source="prometheus"),)}),
    sick=(
        Sick(
            what="a backup that was left out twice",
            facts=lambda facts: with_answers(facts, {NEWEST: (series(AT - 2.5 * DAY, source="grafana"),)}),
            severity=Severity.WARNING,
            says="2d 12h old",
        ),
        Sick(
            what="backups that have ended",
            facts=lambda facts: with_answers(facts, {NEWEST: (series(AT - 20 * DAY, source="grafana"),)}),
            severity=Severity.ERROR,
            says="20d old",
        ),
    ),
)
