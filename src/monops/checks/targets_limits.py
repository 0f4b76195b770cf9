"""No scrape was thrown away because of a limit.

Limits of samples, labels, targets and bytes protect Prometheus; a scrape that goes beyond one is lost as a whole. A
target beyond a limit right now is down, and targets.up names its metric; here is found what happened in the last hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import CONFIG
from monops.checks._prometheus import SUBJECT, after_edit, answers, grown, highest, increase
from monops.checks._targets import down, with_targets
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Severity
from monops.domain.nearest import listed
from monops.domain.prometheus_config import scrape_jobs
from monops.domain.scrape_error import classify

_SCRAPES, _POOL = "prometheus_target_scrapes_exceeded", "prometheus_target_scrape_pool_exceeded"
#: query -> (class of scrape error, settings that set the limit).
_LIMITS: dict[str, tuple[str, tuple[str, ...]]] = {
    increase(f"{_SCRAPES}_sample_limit_total", "1h"): ("limit.sample", ("sample_limit",)),
    increase(f"{_SCRAPES}_body_size_limit_total", "1h"): ("limit.body", ("body_size_limit",)),
    increase(f"{_SCRAPES}_native_histogram_bucket_limit_total", "1h"): (
        "limit.bucket",
        ("native_histogram_bucket_limit",),
    ),
    increase(f"{_POOL}_target_limit_total", "1h"): ("limit.target", ("target_limit",)),
    increase(f"{_POOL}_label_limits_total", "1h"): (
        "limit.label",
        ("label_limit", "label_name_length_limit", "label_value_length_limit"),
    ),
}


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each limit, unless a target is beyond it now."""
    now = {classify(target.last_error).kind for target in known(facts.prometheus_targets) if target.health == "down"}
    jobs = scrape_jobs(known(facts.prometheus_config))
    for query, by in highest(facts, tuple(_LIMITS)).items():
        kind, names = _LIMITS[query]
        if by <= 0 or kind in now:
            continue
        having = sorted(job for job, section in jobs.items() if any(name in section for name in names))
        which = f" of {listed(having)}" if having else ""
        yield Finding(
            severity=Severity.WARNING,
            subject=SUBJECT,
            cause=f"in the last hour {names[0]}{which} was exceeded, and the scrapes were thrown away",
            evidence=(grown(query, by),),
            fix=after_edit(facts, f"Let the targets expose less, or raise {names[0]} in prometheus.yml, then reload."),
        )


def _exceeded(query: str) -> Sick:
    names = _LIMITS[query][1]
    return Sick(
        what=f"{names[0]} exceeded",
        facts=lambda facts: answers({query: 12}, facts),
        severity=Severity.WARNING,
        says=names[0],
    )


CHECK = Check(
    id="targets.limits",
    well="no scrape was beyond a limit",
    reads=("prometheus_config", "prometheus_runtime", "prometheus_targets"),
    looks_at=("containers",),
    queries=tuple(_LIMITS),
    judge=judge,
    needs=("prometheus",),
    healthy=lambda facts: with_targets(answers(dict.fromkeys(_LIMITS, 0), facts), down("EOF")),
    sick=(
        *(_exceeded(query) for query in _LIMITS),
        Sick(
            what="a limit that one job has",
            facts=lambda facts: replace(
                answers({next(iter(_LIMITS)): 12}, facts),
                prometheus_config=CONFIG + "- job_name: big\n  sample_limit: 10\n",
            ),
            severity=Severity.WARNING,
            says="sample_limit of big",
        ),
    ),
)
