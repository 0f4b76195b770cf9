"""Every service with data of its own is in the backups.

Prometheus has the history, Grafana what people have made in it, Alertmanager the silences. Where there are backups and
one of these is in none of them, a restore would come back without it. A container that runs for less than a day is not
asked: its first backup may be due tonight.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import AT, series, with_answers
from monops.checks._reading import DAY, label, of_service, running_for
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Risk, Severity

NEWEST = "max by (source) (monops_backup_last_success_timestamp_seconds)"
_LOST = {
    "prometheus": "the metrics of the past",
    "grafana": "dashboards, users and settings made in Grafana",
    "alertmanager": "the silences",
}


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each service that no backup holds."""
    sources = {label(found, "source") for found in facts.answer(NEWEST)}
    if not sources:
        return
    for service, lost in _LOST.items():
        if service in sources or not any(running_for(one, facts) >= DAY for one in of_service(facts, service)):
            continue
        yield Finding(
            severity=Severity.WARNING,
            subject=f"service {service}",
            cause=f"there are backups, but none of it: a restore would lose {lost}",
            evidence=(f"{NEWEST}: only {', '.join(sorted(sources))}",),
            fix=Fix(
                say="Back it up too; [backup] sources in monops.toml says what is backed up by default.",
                command=f"monops backup {service}",
                risk=Risk.SAFE,
            ),
        )


CHECK = Check(
    id="backups.sources",
    well="every service with data is in the backups",
    reads=("containers",),
    queries=(NEWEST,),
    judge=judge,
    needs=("prometheus", "node-exporter"),
    healthy=lambda facts: with_answers(
        facts, {NEWEST: tuple(series(AT - 3600, source=name) for name in ("config", *_LOST))}
    ),
    sick=(
        Sick(
            what="backups of Prometheus alone",
            facts=lambda facts: with_answers(facts, {NEWEST: (series(AT - 3600, source="prometheus"),)}),
            severity=Severity.WARNING,
            says="dashboards, users and settings",
        ),
    ),
)
