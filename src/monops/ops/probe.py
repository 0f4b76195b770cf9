"""`monops targets --probe`: asks every target from where Prometheus is, and joins that with what Prometheus says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monops.domain.errors import UsageFault
from monops.domain.facts import Facts, Target, Unknown
from monops.domain.nearest import did_you_mean, listed
from monops.domain.ports import ScrapeTarget
from monops.domain.probing import Prober, Probing, Verdict, judged, tasks_of
from monops.domain.prometheus_config import scrape_jobs
from monops.domain.scrape_scene import prometheus_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedTargets:
    """Every target that was asked."""

    verdicts: tuple[Verdict, ...]
    probing: Probing

    @property
    def silent(self) -> tuple[Verdict, ...]:
        """Those that do not answer with metrics."""
        return tuple(one for one in self.verdicts if one.answers is False)

    @property
    def unknown(self) -> tuple[Verdict, ...]:
        return tuple(one for one in self.verdicts if one.answers is None)


def of_jobs(targets: Sequence[ScrapeTarget], jobs: Sequence[str]) -> tuple[ScrapeTarget, ...]:
    """The targets of these jobs, or all. Raises UsageFault for a job that has none."""
    known = sorted({one.job for one in targets})
    for job in jobs:
        if job not in known:
            raise UsageFault(
                f"no target belongs to a job {job!r}, only to {listed(known)}.{did_you_mean(job, known)}",
                remedy="monops targets",
            )
    return tuple(one for one in targets if not jobs or one.job in jobs)


def probe_targets(targets: Sequence[Target], facts: Facts, prober: Prober) -> ProbedTargets:
    """Asked now, in their order."""
    config = facts.prometheus_config
    sections = {} if isinstance(config, Unknown) else scrape_jobs(config)
    probing = _asked(targets, facts, prober, sections)
    verdicts = tuple(judged(one, probing, sections.get(one.job, {}), facts.now) for one in targets)
    return ProbedTargets(verdicts=verdicts, probing=probing)


def _asked(
    targets: Sequence[Target], facts: Facts, prober: Prober, sections: Mapping[str, Mapping[str, Any]]
) -> Probing:
    if isinstance(facts.containers, Unknown):
        why = f"Prometheus's container is not known: {facts.containers.reason}"
        return Probing(way="", found={}, why_not=why, remedy=facts.containers.remedy)
    prometheus = prometheus_of(facts.containers)
    if prometheus is None:
        why = "Prometheus runs in no container of this stack, so monops cannot ask from where it is"
        return Probing(way="", found={}, why_not=why, remedy="docker ps --all")
    return prober.probe(prometheus, tasks_of(targets, sections))
