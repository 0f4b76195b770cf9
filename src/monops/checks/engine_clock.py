"""The clocks of this machine, the engine and Prometheus agree.

Prometheus refuses samples that seem to come from the past or the future, alerts begin at wrong times, and links into
dashboards show the wrong hour. Seconds of difference are already too much between a machine and what scrapes it.
Source: the engine's /info (SystemTime) and, from Prometheus 3, /api/v1/status/runtimeinfo (serverTime).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import AT
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Unknown, known
from monops.domain.finding import Finding, Fix, Severity

#: Seconds between two clocks that are too many.
MOST = 5.0
#: Facts are read up to so many seconds after `now` was.
_READ_WITHIN = 60.0


def judge(facts: Facts) -> Iterator[Finding]:
    """At most one finding: where the engine's clock is wrong, so is that of everything in it."""
    offset = known(facts.engine).clock_offset
    if abs(offset) > MOST:
        yield _finding("the engine's clock", offset, "docker info: SystemTime")
        return
    runtime = facts.prometheus_runtime
    if isinstance(runtime, Unknown) or runtime.server_time is None:
        return
    offset = runtime.server_time - facts.now.timestamp()
    if offset < -MOST or offset > MOST + _READ_WITHIN:
        yield _finding("the clock of Prometheus", offset, "Prometheus /api/v1/status/runtimeinfo: serverTime")


def _finding(subject: str, offset: float, source: str) -> Finding:
    side = "ahead of" if offset > 0 else "behind"
    return Finding(
        severity=Severity.WARNING,
        subject=subject,
        cause=f"it is {abs(offset):.0f} s {side} this machine's, so that samples are refused and times are wrong",
        evidence=(f"{source}, {offset:+.1f} s from here",),
        fix=Fix(say="Let a time service set the clocks of both machines.", command="timedatectl status"),
    )


def _prometheus_at(facts: Facts, offset: float) -> Facts:
    return replace(facts, prometheus_runtime=replace(known(facts.prometheus_runtime), server_time=AT + offset))


CHECK = Check(
    id="engine.clock",
    well="the clocks agree",
    reads=("engine",),
    looks_at=("prometheus_runtime",),
    judge=judge,
    sick=(
        Sick(
            what="an engine two minutes behind",
            facts=lambda facts: replace(facts, engine=replace(known(facts.engine), clock_offset=-120.0)),
            severity=Severity.WARNING,
            says="behind",
        ),
        Sick(
            what="a Prometheus an hour ahead",
            facts=lambda facts: _prometheus_at(facts, 3600.0),
            severity=Severity.WARNING,
            says="ahead of",
        ),
    ),
)
