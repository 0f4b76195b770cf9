"""No scrape takes nearly as long as it may.

A scrape that reaches its time limit counts as failed, and everything it would have brought is lost.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from monops.checks._prometheus import name_of
from monops.checks._targets import named, pool, with_targets, worker
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.rebuild import without_secret

_SHARE = 0.8


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each that is up and near its limit."""
    for target in known(facts.prometheus_targets):
        if target.health != "up" or target.last_duration <= _SHARE * target.timeout:
            continue
        url = shlex.quote(without_secret(target.url))
        yield Finding(
            severity=Severity.WARNING,
            subject=named(target),
            cause=f"its last scrape took {target.last_duration:.1f} s, and may take {target.timeout:g} s",
            evidence=(
                f"/api/v1/targets: lastScrapeDuration {target.last_duration:.2f} s, every {target.interval:g} s",
            ),
            fix=Fix(
                say=f"Find out what it collects for so long, or raise scrape_timeout of job {pool(target)} in "
                "prometheus.yml, to its scrape_interval at most.",
                command=f"time docker exec {name_of(facts)} wget -qO /dev/null -T 60 {url}",
            ),
        )


CHECK = Check(
    id="targets.slow",
    well="every scrape ends well within its time",
    reads=("prometheus_targets",),
    looks_at=("containers",),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(
            what="a scrape that takes nearly all its time",
            facts=lambda facts: with_targets(facts, worker(last_duration=9.2)),
            severity=Severity.WARNING,
            says="took 9.2 s",
        ),
    ),
)
