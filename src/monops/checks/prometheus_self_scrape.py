"""Prometheus scrapes itself.

What it counts of itself (samples thrown away, failed compactions, alerts that nobody took) is only there to ask, and
to alert on, where one of its own jobs reads its /metrics.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import with_answers
from monops.checks._prometheus import OWN, SUBJECT, after_edit, age, age_of_config, answers, settled_after
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding where nobody does."""
    targets = known(facts.prometheus_targets)
    if facts.answer(OWN) or min(age(facts), age_of_config(facts)) < settled_after(facts):
        return
    down = [one for one in targets if one.health == "down" and one.job == "prometheus"]
    if down:
        return  # targets.up tells why
    yield Finding(
        severity=Severity.WARNING,
        subject=SUBJECT,
        cause="no job scrapes Prometheus itself, so its own troubles are seen by nobody",
        evidence=(f"{OWN} has no series",),
        fix=after_edit(facts, "Add a job prometheus with the target localhost:9090 to prometheus.yml, then reload."),
    )


CHECK = Check(
    id="prometheus.self_scrape",
    well="it scrapes itself",
    reads=("prometheus_runtime", "prometheus_targets"),
    looks_at=("containers",),
    queries=(OWN,),
    judge=judge,
    needs=("prometheus",),
    healthy=lambda facts: answers({OWN: 1}, facts),
    sick=(
        Sick(
            what="no job for itself",
            facts=lambda facts: replace(
                with_answers(facts, {OWN: ()}),
                prometheus_targets=tuple(t for t in known(facts.prometheus_targets) if t.job != "prometheus"),
            ),
            severity=Severity.WARNING,
            says="no job scrapes",
        ),
    ),
)
