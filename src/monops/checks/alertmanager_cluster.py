"""Alertmanagers that belong together know of each other; one that is alone does not look for others.

Two that do not know of each other both tell people of every alert. One that is alone and was not told so
(`--cluster.listen-address=`) looks for others at its start and waits for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._addresses import why_no_alertmanager
from monops.checks._alerting import container_of
from monops.checks._healthy import changed, series, with_answers, with_container
from monops.checks._reading import flag, running_for, value
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Risk, Severity

FAILED = "max(alertmanager_cluster_failed_peers) > 0"
#: How long it may wait for others, in seconds.
_SETTLING = 300.0


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding about the cluster, and one about peers that fail."""
    found = _finding(facts)
    if found is not None:
        yield found
    for one in facts.answer(FAILED):
        yield Finding(
            severity=Severity.WARNING,
            subject="cluster of Alertmanager",
            cause="others of the cluster do not answer, so people may be told twice",
            evidence=(f"{FAILED}: {value(one):.0f}",),
            fix=Fix(
                say="See that TCP and UDP port 9094 are open between them.", command="monops stack logs alertmanager"
            ),
        )


def _finding(facts: Facts) -> Finding | None:
    status = known(facts.alertmanager_status)
    one = container_of(facts, "alertmanager")
    urls = [url for url in known(facts.prometheus_alertmanagers) if not why_no_alertmanager(facts, url)]
    known_to_prometheus = len(urls)
    members = 1 if status.cluster == "disabled" else max(1, len(status.peers))
    evidence = (f"/api/v2/status: cluster {status.cluster}, {members} there",)
    if members < known_to_prometheus:
        return Finding(
            severity=Severity.WARNING,
            subject="cluster of Alertmanager",
            cause=f"Prometheus sends to {known_to_prometheus} Alertmanagers of which this one knows {members},"
            " so people are told of each alert more than once",
            evidence=(*evidence, f"/api/v1/alertmanagers: {known_to_prometheus}"),
            fix=Fix(say="Start each with --cluster.peer naming the others, TCP and UDP port 9094."),
        )
    if status.cluster == "disabled" or one is None:
        return None
    if flag(one, "cluster.peer") and members == 1:
        return Finding(
            severity=Severity.WARNING,
            subject="cluster of Alertmanager",
            cause="it was told of others and finds none of them",
            evidence=(*evidence, f"its command has --cluster.peer={flag(one, 'cluster.peer')}"),
            fix=Fix(
                say="See that the name is right and TCP and UDP port 9094 are open.",
                command="monops stack logs alertmanager",
            ),
        )
    if status.cluster == "settling" and running_for(one, facts) > _SETTLING:
        cause, severity = "it still waits for others, minutes after its start", Severity.WARNING
    elif members == 1:
        cause, severity = "it is alone and looks for others, so it starts more slowly", Severity.INFO
    else:
        return None
    return Finding(
        severity=severity,
        subject="cluster of Alertmanager",
        cause=cause,
        evidence=evidence,
        fix=Fix(
            say="Give it --cluster.listen-address= with nothing behind it in the Compose file.",
            command="monops stack up alertmanager",
            risk=Risk.INTERRUPTS,
        ),
    )


def _cluster(facts: Facts, state: str, *peers: str, command: tuple[str, ...] = ()) -> Facts:
    status = replace(known(facts.alertmanager_status), cluster=state, peers=peers)
    facts = replace(facts, alertmanager_status=status)
    return with_container(facts, "alertmanager", lambda one: changed(one, container={"command": command}))


CHECK = Check(
    id="alertmanager.cluster",
    well="it knows the others, or is alone and knows that",
    reads=("alertmanager_status", "prometheus_alertmanagers", "containers"),
    looks_at=("neighbours",),
    queries=(FAILED,),
    needs=("alertmanager", "prometheus"),
    judge=judge,
    sick=(
        Sick(
            what="two that do not know of each other",
            facts=lambda facts: replace(
                facts,
                prometheus_alertmanagers=("http://10.0.0.1:9093/api/v2/alerts", "http://10.0.0.2:9093/api/v2/alerts"),
            ),
            severity=Severity.WARNING,
            says="more than once",
        ),
        Sick(
            what="others that it does not find",
            facts=lambda facts: _cluster(facts, "ready", "me", command=("--cluster.peer=b:9094",)),
            severity=Severity.WARNING,
            says="finds none",
        ),
        Sick(
            what="one that still waits for others",
            facts=lambda facts: _cluster(facts, "settling", "me"),
            severity=Severity.WARNING,
            says="still waits",
        ),
        Sick(
            what="one that is alone and looks for others",
            facts=lambda facts: _cluster(facts, "ready", "me"),
            severity=Severity.INFO,
            says="looks for others",
        ),
        Sick(
            what="a peer that fails",
            facts=lambda facts: with_answers(facts, {FAILED: (series(1),)}),
            severity=Severity.WARNING,
            says="do not answer",
        ),
    ),
)
