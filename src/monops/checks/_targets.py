"""What several checks ask of scrape targets, and small tools to make one sick."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from monops.checks._healthy import target
from monops.domain.facts import Facts, Target, known
from monops.domain.scrape_scene import Scene, age


def pool(one: Target) -> str:
    """The job as the configuration calls it."""
    return one.discovered.get("job", one.job)


def named(one: Target) -> str:
    """`target browser-workers/browser-worker-1:9090`."""
    return f"target {one.job}/{one.instance}"


def together(targets: Iterable[Target]) -> str:
    """What a finding about these is about."""
    every = list(targets)
    jobs = sorted({one.job for one in every})
    if len(every) == 1:
        return named(every[0])
    return f"{len(every)} targets of job {jobs[0]}" if len(jobs) == 1 else f"{len(every)} targets of {len(jobs)} jobs"


def is_too_early(around: Scene, prometheus_age: float | None) -> bool:
    """Whether the last scrape says nothing yet: Prometheus, or what it asks, was started a moment before it.

    What was restarted by itself is never too young: it may go on like that for ever.
    """
    interval = around.target.interval
    if prometheus_age is not None and prometheus_age < 2 * interval:
        return True
    found = around.called(around.host)
    one = found[0] if found else None
    if one is None or not one.is_running or one.restarts:
        return False
    started = around.now.timestamp() - age(one, around.now)
    return around.target.last_scrape - started < interval


# --- for examples --------------------------------------------------------------------------------


def with_targets(facts: Facts, *more: Target) -> Facts:
    """The facts with more targets."""
    return replace(facts, prometheus_targets=(*known(facts.prometheus_targets), *more))


def worker(number: int = 2, **changes: Any) -> Target:
    """A target more of the job browser-workers."""
    address = f"browser-worker-{number}:9090"
    return target("browser-workers", address, address, **changes)


def down(text: str, url: str = "http://browser-worker-2:9090/metrics", **changes: Any) -> Target:
    """A target of the job browser-workers that is down."""
    address = url.split("/")[2]
    return target(
        "browser-workers", address, address, url=url, health="down", last_error=f'Get "{url}": {text}', **changes
    )
