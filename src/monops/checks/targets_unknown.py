"""Every target has been scraped at least once.

A target that was just added waits for its turn, one interval at most. One that stays without a scrape is not measured,
and is not down either, so that no alert tells.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._prometheus import age_of_config
from monops.checks._targets import named, with_targets, worker
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each that was never scraped, once Prometheus has had the time for it."""
    for target in known(facts.prometheus_targets):
        waited = age_of_config(facts)
        if target.health != "unknown" or waited < 3 * target.interval:
            continue
        yield Finding(
            severity=Severity.INFO,
            subject=named(target),
            cause=f"it was never scraped: it was added in the last {target.interval:g} s, or Prometheus is too busy",
            evidence=("/api/v1/targets: health unknown", f"the configuration is in force since {waited:.0f} s"),
            fix=Fix(say="Wait one interval, then look again.", command="monops targets"),
        )


CHECK = Check(
    id="targets.unknown",
    well="every target has been scraped",
    reads=("prometheus_runtime", "prometheus_targets"),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(
            what="a target without a scrape",
            facts=lambda facts: with_targets(facts, worker(health="unknown", last_scrape=0.0)),
            severity=Severity.INFO,
            says="never scraped",
        ),
    ),
)
