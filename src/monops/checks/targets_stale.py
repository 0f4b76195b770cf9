"""Every target is scraped as often as it should be.

A target whose last scrape is long ago shows the state of then: it may be down for long. Prometheus is starved of
processor time, hangs on its disk, or was paused.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import AT
from monops.checks._prometheus import age, clock, name_of
from monops.checks._targets import together, with_targets, worker
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity

_LEAST_SECONDS = 60.0


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for all of them."""
    now, up_for = clock(facts), age(facts)
    late = [
        target
        for target in known(facts.prometheus_targets)
        if target.last_scrape > 0
        and min(now - target.last_scrape, up_for) > max(3 * target.interval, _LEAST_SECONDS) + target.timeout
    ]
    if not late:
        return
    worst = max(late, key=lambda target: now - target.last_scrape)
    yield Finding(
        severity=Severity.ERROR,
        subject=together(late),
        cause=f"the last scrape was {now - worst.last_scrape:.0f} s ago, and one is due every {worst.interval:g} s",
        evidence=tuple(f"{one.job}/{one.instance}: {now - one.last_scrape:.0f} s ago" for one in late[:10]),
        fix=Fix(
            say="See whether Prometheus's container lacks processor time or waits for its disk.",
            command=f"docker stats --no-stream {name_of(facts)}",
        ),
    )


CHECK = Check(
    id="targets.stale",
    well="every target is scraped in time",
    reads=("prometheus_runtime", "prometheus_targets"),
    looks_at=("containers",),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(
            what="a scrape loop that stands still",
            facts=lambda facts: with_targets(facts, worker(last_scrape=AT - 600)),
            severity=Severity.ERROR,
            says="600 s ago",
        ),
    ),
)
