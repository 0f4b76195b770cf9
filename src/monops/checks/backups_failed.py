"""The last backup of every source to every destination was good.

A destination that is full or not mounted, keys that are no longer valid, or a service that did not answer. An older
good backup may still be there, and another destination may have a new one: each pair of source and destination counts
by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Risk, Severity

FAILED = "monops_backup_last_run_success == 0"
#: In place of a source, where a run failed before it knew its sources.
_EVERYTHING = "all"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each pair whose last backup failed."""
    for found in facts.answer(FAILED):
        source, destination = label(found, "source"), label(found, "destination")
        shown = "every source" if source == _EVERYTHING else source
        yield Finding(
            severity=Severity.ERROR,
            subject=f"backup of {shown} to {destination}",
            cause="the last one failed",
            evidence=(f'monops_backup_last_run_success{{source="{source}",destination="{destination}"}} is 0',),
            fix=Fix(
                say="Make it again and read what it says.", command=f"monops backup --to {destination}", risk=Risk.SAFE
            ),
        )


CHECK = Check(
    id="backups.failed",
    well="the last backups were good",
    reads=(),
    queries=(FAILED,),
    judge=judge,
    needs=("prometheus", "node-exporter"),
    sick=(
        Sick(
            what="a source that could not be read",
            facts=lambda facts: with_answers(
                facts, {FAILED: (series(0, source="grafana", destination="/srv/backups"),)}
            ),
            severity=Severity.ERROR,
            says="the last one failed",
        ),
    ),
)
