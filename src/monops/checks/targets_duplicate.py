"""Nothing is scraped twice.

One address in two jobs doubles the load and the series. Two targets with the same labels are worse: their samples go
into the same series, and Prometheus throws one of them away each time.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import target as healthy_target
from monops.checks._prometheus import after_edit
from monops.checks._targets import named, pool, with_targets
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Target, known
from monops.domain.finding import Finding, Severity
from monops.domain.nearest import listed
from monops.domain.rebuild import without_secret

#: So many targets are named, and the others counted.
_SHOWN = 5


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each address in several jobs, and for each set of labels that several targets have."""
    by_url: dict[str, list[Target]] = {}
    by_labels: dict[frozenset[tuple[str, str]], list[Target]] = {}
    for target in known(facts.prometheus_targets):
        by_url.setdefault(target.url, []).append(target)
        by_labels.setdefault(frozenset(target.labels.items()), []).append(target)
    for group in by_labels.values():
        urls = sorted({target.url for target in group})
        if len(urls) > 1:
            yield _finding(
                Severity.ERROR,
                named(group[0]),
                f"{len(urls)} targets have the same labels, so their samples overwrite each other",
                _some([f"{group[0].job}/{group[0].instance}: {without_secret(url)}" for url in urls]),
                f"Give each target of job {group[0].job} its own instance label, or remove all but one, then reload.",
                facts,
            )
    for url, group in by_url.items():
        jobs = sorted({pool(target) for target in group})
        if len(jobs) > 1:
            yield _finding(
                Severity.WARNING,
                f"address {without_secret(url)}",
                f"{len(jobs)} jobs scrape it: {listed(jobs)}",
                _some([f"{each.job}/{each.instance}: {without_secret(url)}" for each in group]),
                f"Remove it from all jobs but one of {listed(jobs)}, then reload.",
                facts,
            )


def _some(lines: list[str]) -> tuple[str, ...]:
    more = len(lines) - _SHOWN
    return (*lines[:_SHOWN], *([f"and {more} more"] if more > 0 else []))


def _finding(
    severity: Severity, subject: str, cause: str, evidence: tuple[str, ...], say: str, facts: Facts
) -> Finding:
    return Finding(severity=severity, subject=subject, cause=cause, evidence=evidence, fix=after_edit(facts, say))


CHECK = Check(
    id="targets.duplicate",
    well="nothing is scraped twice",
    reads=("prometheus_targets",),
    looks_at=("containers",),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(
            what="one address in two jobs",
            facts=lambda facts: with_targets(
                facts, healthy_target("workers", "browser-worker-1:9090", "browser-worker-1:9090")
            ),
            severity=Severity.WARNING,
            says="2 jobs scrape it: browser-workers and workers",
        ),
        Sick(
            what="two targets with the same labels",
            facts=lambda facts: with_targets(
                facts, healthy_target("browser-workers", "browser-worker-1:9090", "browser-worker-2:9090")
            ),
            severity=Severity.ERROR,
            says="the same labels",
        ),
    ),
)
