"""The node exporter can read every file of metrics in its textfile folder.

Backups and other jobs leave their metrics there. A file with a syntax error, a metric that two files describe
differently, or a file that the exporter may not read is left out: what it says of a backup is then not there, and no
alert can fire on it.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import label
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

UNREADABLE = "node_textfile_scrape_error == 1"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each exporter that cannot read a file."""
    for found in facts.answer(UNREADABLE):
        instance = label(found, "instance")
        yield Finding(
            severity=Severity.WARNING,
            subject=f"node exporter {instance}",
            cause="it cannot read a file in its textfile folder, and leaves out the metrics in it",
            evidence=(f'node_textfile_scrape_error{{instance="{instance}"}} is 1',),
            fix=Fix(
                say="Mend or remove the file that its log names.",
                command="monops stack logs node-exporter --tail 200 | grep textfile",
            ),
        )


CHECK = Check(
    id="exporters.textfile",
    well="every file of the textfile folder is read",
    reads=(),
    queries=(UNREADABLE,),
    judge=judge,
    needs=("prometheus", "node-exporter"),
    sick=(
        Sick(
            what="a file with a syntax error",
            facts=lambda facts: with_answers(facts, {UNREADABLE: (series(1, instance="docker-host", job="node"),)}),
            severity=Severity.WARNING,
            says="cannot read a file",
        ),
    ),
)
