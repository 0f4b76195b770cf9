"""Prometheus knows an Alertmanager, at an address where it can be.

Prometheus takes an Alertmanager as known without ever asking it: a mistyped name is in its list like a right one. In
its container `localhost` is Prometheus itself, and a service's name is one only on a network that both are on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._addresses import place_of, why_no_alertmanager
from monops.checks._alerting import few, prometheus_settings, reload_command, tidy
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """No Alertmanager, or one at an address where none can be."""
    urls = known(facts.prometheus_alertmanagers)
    if not urls:
        yield _none(facts)
    for url in urls:
        why = why_no_alertmanager(facts, url)
        if why:
            yield Finding(
                severity=Severity.ERROR,
                subject=f"Alertmanager {place_of(url)} of Prometheus",
                cause=why,
                evidence=(f"/api/v1/alertmanagers: {tidy(url)}",),
                fix=Fix(
                    say="Write alertmanager:9093 under alerting in prometheus.yml and reload Prometheus.",
                    command=reload_command(facts, "prometheus"),
                    risk=Risk.SAFE,
                ),
            )


def _none(facts: Facts) -> Finding:
    alerting = prometheus_settings(facts).get("alerting") or {}
    if alerting.get("alertmanagers"):
        cause = "its configuration names Alertmanagers, and relabelling or discovery leaves none of them"
        todo = "Mend alerting in prometheus.yml and reload Prometheus."
    else:
        cause = "its configuration names no Alertmanager, so nobody is told of any alert"
        todo = "Name alertmanager:9093 under alerting in prometheus.yml and reload Prometheus."
    return Finding(
        severity=Severity.ERROR,
        subject="alerting of Prometheus",
        cause=cause,
        evidence=("/api/v1/alertmanagers: none is active", f"/api/v1/status/config: alerting has {few(alerting) or 0}"),
        fix=Fix(say=todo, command=reload_command(facts, "prometheus"), risk=Risk.SAFE),
    )


def _known_as(facts: Facts, *addresses: str) -> Facts:
    return replace(facts, prometheus_alertmanagers=tuple(f"http://{one}/api/v2/alerts" for one in addresses))


CHECK = Check(
    id="alertmanager.discovered",
    well="the server that evaluates rules knows an Alertmanager",
    reads=("prometheus_alertmanagers", "prometheus_config", "containers"),
    looks_at=("neighbours",),
    needs=("alertmanager", "prometheus"),
    judge=judge,
    sick=(
        Sick(
            what="a configuration without alerting",
            facts=lambda facts: replace(_known_as(facts), prometheus_config="global: {}\n"),
            severity=Severity.ERROR,
            says="names no Alertmanager",
        ),
        Sick(
            what="relabelling that drops every Alertmanager",
            facts=_known_as,
            severity=Severity.ERROR,
            says="leaves none",
        ),
        Sick(
            what="localhost for the address",
            facts=lambda facts: _known_as(facts, "localhost:9093"),
            severity=Severity.ERROR,
            says="own container",
        ),
        Sick(
            what="a mistyped name",
            facts=lambda facts: _known_as(facts, "alertmanger:9093"),
            severity=Severity.ERROR,
            says="Did you mean 'alertmanager'?",
        ),
        Sick(
            what="a wrong port",
            facts=lambda facts: _known_as(facts, "alertmanager:9094"),
            severity=Severity.ERROR,
            says="nothing listens on port 9094",
        ),
    ),
)
