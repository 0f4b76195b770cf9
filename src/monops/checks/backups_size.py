"""No backup is suddenly much smaller than those of the week before.

Half of the largest of the last seven days, or less, is mostly a source that was empty or not the right one: a volume
made anew, a wrong path. A shorter retention also makes Prometheus smaller; then all is well.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label, share, value
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

#: What was never larger than 1 MiB changes by chance.
SHRUNK = "monops_backup_last_size_bytes / (max_over_time(monops_backup_last_size_bytes[7d]) > 1048576) < 0.5"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each source that has shrunk."""
    for found in facts.answer(SHRUNK):
        source, destination = label(found, "source"), label(found, "destination")
        yield Finding(
            severity=Severity.WARNING,
            subject=f"backup of {source} to {destination}",
            cause=f"the last one is {share(value(found))} of the size that it had within a week",
            evidence=(f"monops_backup_last_size_bytes against its largest value in 7d is {value(found):.2f}",),
            fix=Fix(
                say="Look whether the source still holds what it should, before old backups are removed.",
                command=f"monops snapshots --from {destination}",
            ),
        )


CHECK = Check(
    id="backups.size",
    well="no backup is suddenly much smaller",
    reads=(),
    queries=(SHRUNK,),
    judge=judge,
    needs=("prometheus", "node-exporter"),
    sick=(
        Sick(
            what="a volume that was made anew",
            facts=lambda facts: with_answers(
                facts, {SHRUNK: (series(0.08, source="prometheus", destination="/srv/backups"),)}
            ),
            severity=Severity.WARNING,
            says="8 % of the size",
        ),
    ),
)
