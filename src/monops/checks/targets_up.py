"""Every target of Prometheus can be scraped.

A target that is down has no metrics: dashboards are empty, and alerts on it are silent, except those on `up`. What
Prometheus says of a failed scrape is joined with what Docker knows: whether there is a container of that name, whether
it runs, whether it shares a network with Prometheus, and on which ports it listens. Targets with the same root cause
are one finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from monops.checks._healthy import NOW, changed, with_container
from monops.checks._prometheus import age
from monops.checks._targets import down, is_too_early, named, together, with_targets
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, ListeningSocket, Target, Unknown, known
from monops.domain.finding import Finding, Severity
from monops.domain.scrape_cause import Cause, root_cause
from monops.domain.scrape_scene import scene

#: So many targets of one finding are named.
_SHOWN = 10


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each root cause."""
    found: dict[tuple[str, str], list[tuple[Target, Cause]]] = {}
    up_for = None if isinstance(facts.prometheus_runtime, Unknown) else age(facts)
    for target in known(facts.prometheus_targets):
        if target.health != "down" or is_too_early(scene(target, facts), up_for):
            continue
        cause = root_cause(target, facts)
        found.setdefault((cause.kind, cause.about), []).append((target, cause))
    for group in found.values():
        cause = group[0][1]
        others = tuple(f"down as well: {named(target)}" for target, _ in group[1:_SHOWN])
        left = len(group) - _SHOWN
        yield Finding(
            severity=Severity.ERROR,
            subject=together(target for target, _ in group),
            cause=cause.sentence,
            evidence=(*cause.evidence, *others, *([f"and {left} more"] if left > 0 else [])),
            fix=cause.fix,
        )


def _no_such_host(host: str, port: int) -> Target:
    text = f"dial tcp: lookup {host} on 127.0.0.11:53: no such host"
    return down(text, f"http://{host}:{port}/metrics")


def _refused(host: str, port: int) -> Target:
    return down(f"dial tcp 172.20.0.6:{port}: connect: connection refused", f"http://{host}:{port}/metrics")


CHECK = Check(
    id="targets.up",
    well="every target is up",
    reads=("prometheus_targets",),
    looks_at=("containers", "neighbours", "compose_model", "prometheus_config", "prometheus_runtime"),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(
            what="a mistyped name",
            facts=lambda facts: with_targets(facts, _no_such_host("redis-exportr", 9121)),
            severity=Severity.ERROR,
            says="the nearest name is 'redis-exporter'",
        ),
        Sick(
            what="a container that has ended",
            facts=lambda facts: with_targets(
                with_container(
                    facts,
                    "cadvisor",
                    lambda one: changed(one, container={"state": "exited"}, exit_code=1, log=("boom",)),
                ),
                _no_such_host("cadvisor", 8080),
            ),
            severity=Severity.ERROR,
            says="does not run (exit code 1)",
        ),
        Sick(
            what="a container in another network",
            facts=lambda facts: with_targets(
                with_container(
                    facts, "cadvisor", lambda one: changed(one, container={"addresses": {"app_default": "10.0.0.2"}})
                ),
                _no_such_host("cadvisor", 8080),
            ),
            severity=Severity.ERROR,
            says="shares no network with Prometheus",
        ),
        Sick(
            what="a wrong port",
            facts=lambda facts: with_targets(facts, _refused("redis-exporter", 9122)),
            severity=Severity.ERROR,
            says="it listens on 9121",
        ),
        Sick(
            what="a program on its own localhost",
            facts=lambda facts: with_targets(
                with_container(
                    facts, "redis-exporter", lambda one: changed(one, sockets=(ListeningSocket("127.0.0.1", 9121),))
                ),
                _refused("redis-exporter", 9121),
            ),
            severity=Severity.ERROR,
            says="only its own container reaches it",
        ),
        Sick(
            what="names without Docker to ask",
            facts=lambda facts: with_targets(
                replace(facts, neighbours=Unknown("permission denied")), _no_such_host("browser-worker-2", 9090)
            ),
            severity=Severity.ERROR,
            says="is mistyped, its container does not run, or it is in no network",
        ),
        Sick(
            what="a page that is not there",
            facts=lambda facts: with_targets(
                facts, replace(down(""), last_error="server returned HTTP status 404 Not Found")
            ),
            severity=Severity.ERROR,
            says="has no page /metrics",
        ),
        Sick(
            what="a container that ends and starts again and again",
            facts=lambda facts: with_targets(
                with_container(
                    facts,
                    "cadvisor",
                    lambda one: changed(
                        one, restarts=9, sockets=(), started_at=(NOW - timedelta(seconds=8)).isoformat()
                    ),
                ),
                _refused("cadvisor", 8080),
            ),
            severity=Severity.ERROR,
            says="no program in ai-cadvisor listens",
        ),
    ),
)
