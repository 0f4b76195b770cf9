"""Alertmanager answers that it is ready.

Without it Prometheus finds what is wrong and nobody hears of it. It does not start on a configuration with a mistake,
and not where it may not write to its folder; its log says which.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._alerting import container_of, tidy
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer, known
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """Nobody answers, or not with 200."""
    status, text = known(facts.alertmanager_ready)
    if status == 200:
        return
    found = container_of(facts, "alertmanager")
    log = tuple(tidy(line) for line in found.log[-3:]) if found is not None else ()
    yield Finding(
        severity=Severity.ERROR,
        subject=f"container {found.name}" if found is not None else "Alertmanager",
        cause=_why(status, found),
        evidence=(f"/-/ready: {f'HTTP {status}' if status else 'no answer'}: {tidy(text) or 'no reason given'}", *log),
        fix=_fix(found),
    )


def _why(status: int, found: SeenContainer | None) -> str:
    if found is None:
        return "it has no container, so nobody is told of any alert"
    if not found.is_running:
        return f"its container is {found.container.state}, so nobody is told of any alert"
    if status:
        return f"it runs and is not ready (HTTP {status}), so nobody is told of any alert"
    return "it runs and does not answer, so nobody is told of any alert"


def _fix(found: SeenContainer | None) -> Fix:
    if found is None or not found.is_running:
        return Fix(say="Start Alertmanager.", command="monops stack up alertmanager", risk=Risk.SAFE)
    return Fix(say="Read in its log why.", command="monops stack logs alertmanager", risk=Risk.READS)


CHECK = Check(
    id="alertmanager.ready",
    well="it answers and is ready",
    reads=("alertmanager_ready", "containers"),
    needs=("alertmanager",),
    judge=judge,
    sick=(
        Sick(
            what="an Alertmanager that does not answer",
            facts=lambda facts: replace(facts, alertmanager_ready=(0, "connection refused")),
            severity=Severity.ERROR,
            says="does not answer",
        ),
        Sick(
            what="an Alertmanager that is not ready",
            facts=lambda facts: replace(facts, alertmanager_ready=(503, "Service Unavailable")),
            severity=Severity.ERROR,
            says="is not ready (HTTP 503)",
        ),
        Sick(
            what="an Alertmanager that has ended",
            facts=lambda facts: with_container(
                replace(facts, alertmanager_ready=(0, "no such host")),
                "alertmanager",
                lambda one: changed(one, container={"state": "exited"}, log=("yaml: line 3",)),
            ),
            severity=Severity.ERROR,
            says="its container is exited",
        ),
    ),
)
