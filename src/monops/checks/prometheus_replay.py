"""Prometheus has read its log and answers queries.

At the start it reads the samples of the last hours back from its write-ahead log, and answers nothing before the end.
That takes seconds to minutes. Where it needs more memory than its limit allows, it is killed before the end and starts
again for ever; less retention does not help then, because the log holds the newest hours whatever the retention.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import changed, with_container
from monops.checks._prometheus import SUBJECT, container_of
from monops.checks._reading import more_memory
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Unknown, known
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding while it reads."""
    progress = known(facts.prometheus_replay)
    ready = facts.prometheus_ready
    is_ready = not isinstance(ready, Unknown) and ready[0] == 200
    if progress >= 1 or is_ready:
        return
    shown = f"/api/v1/status/walreplay: {progress:.0%}"
    one = container_of(facts)
    if one is not None and (one.out_of_memory or one.restarts > 1):
        yield Finding(
            severity=Severity.ERROR,
            subject=SUBJECT,
            cause="it is ended before it has read its log, and starts again: most often its memory limit is too low",
            evidence=(
                shown,
                f"docker inspect {one.name}: {one.restarts} restarts, out of memory: {one.out_of_memory}",
            ),
            fix=Fix(say="Raise its memory limit.", command=more_memory(one), risk=Risk.SAFE),
        )
        return
    yield Finding(
        severity=Severity.WARNING,
        subject=SUBJECT,
        cause=f"it still reads its log after the start ({progress:.0%} done) and answers no query",
        evidence=(shown,),
        fix=Fix(say="Wait until it has read all.", command="monops stack status"),
    )


def _reading(facts: Facts) -> Facts:
    return replace(facts, prometheus_ready=(503, "Service Unavailable"), prometheus_replay=0.4)


CHECK = Check(
    id="prometheus.replay",
    well="it has read its log",
    reads=("prometheus_replay",),
    looks_at=("containers", "prometheus_ready"),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(what="a long log", facts=_reading, severity=Severity.WARNING, says="40% done"),
        Sick(
            what="too little memory to read it",
            facts=lambda facts: with_container(
                _reading(facts), "prometheus", lambda one: changed(one, restarts=4, out_of_memory=True)
            ),
            severity=Severity.ERROR,
            says="memory limit is too low",
        ),
    ),
)
