"""The application's targets expose the metrics that rules and dashboards use.

A service that is up and exposes other names than the contract's fills no panel and fires no alert, silently. A counter
with labels is only there once it was counted: let the program start it at 0 for the labels that it knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._healthy import target as healthy_target
from monops.checks._targets import pool, with_targets
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.nearest import listed
from monops.domain.ports import Series
from monops.stack.metrics import APPLICATION_JOBS, BULLMQ, CONTRACT

#: job -> metric -> a name that its scrape shows.
_WANTED = {job: {one.name: one.series[0] for one in CONTRACT if one.job == job} for job in APPLICATION_JOBS}
_NAMES = "|".join(["up", *sorted(name for names in _WANTED.values() for name in names.values())])
#: `up` is there where the job was scraped at the moment of the question.
SEEN = f'count by (job, __name__) ({{job=~"{"|".join(sorted(APPLICATION_JOBS))}",__name__=~"{_NAMES}"}})'


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each job that is up and lacks some."""
    seen: dict[str, set[str]] = {}
    for one in facts.answer(SEEN):
        seen.setdefault(one.labels.get("job", ""), set()).add(one.labels.get("__name__", ""))
    up = {pool(target) for target in known(facts.prometheus_targets) if target.health == "up"}
    for job, wanted in _WANTED.items():
        there = seen.get(job, set())
        missing = [name for name, shown in wanted.items() if shown not in there]
        if job in up and "up" in there and missing:
            yield _finding(job, missing, nothing=len(missing) == len(wanted))


def _finding(job: str, missing: list[str], *, nothing: bool) -> Finding:
    cause = f"its targets are up and do not expose {listed(missing)}"
    say = "Expose what is missing; start counters at 0 for the labels that are known."
    if nothing:
        cause = "its targets are up and expose none of its metrics: another service answers there, or it has none yet"
        say = "See what its targets expose, and add the metrics of the contract."
    return Finding(
        severity=Severity.WARNING,
        subject=f"job {job}",
        cause=cause,
        evidence=(f"no series of {listed(missing)}", "docs/reference/metrics.md has the names"),
        fix=Fix(say=say, command=f"monops query 'count by (__name__) ({{job=\"{job}\"}})'"),
    )


def _names(job: str, names: list[str]) -> tuple[Series, ...]:
    return tuple(series(1, job=job, __name__=name) for name in ("up", *names))


def _all(facts: Facts) -> Facts:
    every = tuple(one for job, names in _WANTED.items() for one in _names(job, [*names.values()]))
    return with_answers(with_targets(facts, healthy_target(BULLMQ, "bullmq:9090", "bullmq:9090")), {SEEN: every})


def _only(facts: Facts, job: str, keep: int) -> Facts:
    others = tuple(one for one in facts.answer(SEEN) if one.labels["job"] != job)
    return with_answers(facts, {SEEN: (*others, *_names(job, [*_WANTED[job].values()][:keep]))})


CHECK = Check(
    id="targets.app_contract",
    well="the application exposes its metrics",
    reads=("prometheus_targets",),
    queries=(SEEN,),
    judge=judge,
    needs=("prometheus",),
    healthy=_all,
    sick=(
        Sick(
            what="a queue without a metric",
            facts=lambda facts: _only(facts, BULLMQ, 4),
            severity=Severity.WARNING,
            says="do not expose bullmq_jobs_failed_total",
        ),
        Sick(
            what="another service at the address",
            facts=lambda facts: _only(facts, BULLMQ, 0),
            severity=Severity.WARNING,
            says="none of its metrics",
        ),
    ),
)
