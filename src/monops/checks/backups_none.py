"""There is a backup of a stack that is older than a day.

Prometheus hears of each backup through the node exporter's textfile folder (`[notify] textfile` in monops.toml). A
stack without a single one loses everything with its disk. A stack that Prometheus has watched for less than a day is
not asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import AT, series, with_answers
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Risk, Severity

RUNS = "monops_backup_last_run_timestamp_seconds"
#: Whether Prometheus has watched anything a day ago.
A_DAY_AGO = "count(count_over_time(up[1h] offset 1d))"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding where a day has passed without any backup."""
    if facts.answer(A_DAY_AGO) and not facts.answer(RUNS):
        yield Finding(
            severity=Severity.WARNING,
            subject="backups",
            cause="Prometheus has not heard of a single backup, and watches for more than a day",
            evidence=(f"{RUNS}: no series", f"{A_DAY_AGO}: not empty"),
            fix=Fix(
                say="Make a backup, and then every day; where there are some, set [notify] textfile in monops.toml.",
                command="monops backup --to /srv/backups",
                risk=Risk.SAFE,
            ),
        )


CHECK = Check(
    id="backups.none",
    well="there is a backup",
    reads=(),
    queries=(RUNS, A_DAY_AGO),
    judge=judge,
    needs=("prometheus", "node-exporter"),
    healthy=lambda facts: with_answers(
        facts,
        {RUNS: (series(AT - 3600, source="prometheus", destination="/srv/backups"),), A_DAY_AGO: (series(10),)},
    ),
    sick=(
        Sick(
            what="a stack that nobody has ever backed up",
            facts=lambda facts: with_answers(facts, {RUNS: ()}),
            severity=Severity.WARNING,
            says="not heard of a single backup",
        ),
    ),
)
