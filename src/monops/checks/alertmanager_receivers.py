"""Somebody hears of every alert.

A receiver without an integration is a name and nothing else: an alert that is routed there is told to nobody, and
nothing fails. The stack ships so, with the receiver `nobody`, until one is chosen. Alerts with the severity `none` or
`info`, those that always fire, and those that a route takes by name are not missed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from monops.checks._alerting import (
    TEST_LABEL,
    alert_rules,
    always_fires,
    few,
    is_for_tests,
    meant_severity,
    routing_of,
    rule_labels,
    sent_labels,
    with_routing,
)
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.routing import Receiver, Route, Routing

#: Severities of which nobody need hear.
_QUIET = ("none", "info")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding with every alert that nobody hears of."""
    routing = routing_of(facts)
    # One whose severity is misspelt is another check's.
    alerts = {
        name: labels
        for name, labels in _alerts(facts).items()
        if not meant_severity(routing, labels.get("severity", ""))
    }
    unheard = {name: paths for name, labels in alerts.items() if (paths := _leads_nowhere(routing, labels))}
    if not unheard:
        return
    receivers = few(sorted({path[-1].receiver for paths in unheard.values() for path in paths}))
    whose = "every alert" if len(unheard) == len(alerts) else few(unheard, 3)
    yield Finding(
        severity=Severity.WARNING,
        subject=f"receiver {receivers}",
        cause=f"{whose} is routed there and told to nobody: it has no integration",
        evidence=(
            f"/api/v2/status: receivers that tell somebody: {few(_with_integration(routing)) or 'none'}",
            *(_shown(name, paths) for name, paths in list(unheard.items())[:5]),
        ),
        fix=Fix(
            say="Set a receiver for them: slack, email, webhook, or any other that Alertmanager knows.",
            command="monops receivers set --help",
        ),
    )


def _alerts(facts: Facts) -> dict[str, Mapping[str, str]]:
    """What an alert is called -> the labels it is sent with, of all that somebody should hear of."""
    found: dict[str, Mapping[str, str]] = {}
    for _, rule in alert_rules(facts):
        severity = rule.labels.get("severity", "")
        if severity not in _QUIET and "{{" not in severity and not always_fires(rule):
            found[f"alert {rule.name}"] = sent_labels(facts, rule_labels(rule))
    return found or {"an alert with severity critical": sent_labels(facts, {"severity": "critical"})}


def _leads_nowhere(routing: Routing, labels: Mapping[str, str]) -> tuple[tuple[Route, ...], ...]:
    """The routes of an alert where none of them tells anybody; empty where one does, may, or is meant not to."""
    paths = routing.route(labels)
    is_meant = any(matcher.name == "alertname" for path in paths for route in path for matcher in route.matchers)
    if is_meant or not all(receiver.is_empty for receiver in routing.heard_by(labels)):
        return ()
    # The alert's series may bring labels that its rule does not tell.
    possible = {route.receiver for route in _possible(routing.root, labels)}
    if not all(routing.receivers.get(name, Receiver(name=name)).is_empty for name in possible):
        return ()
    return paths


def _possible(route: Route, labels: Mapping[str, str]) -> Iterator[Route]:
    """Every route at or below this one that may handle an alert with these labels and others."""
    is_taken = False
    for child in route.routes:
        open_ones = [one for one in child.matchers if one.name not in labels and one.name != TEST_LABEL]
        if not all(one.matches(labels) for one in child.matchers if one not in open_ones):
            continue
        yield from _possible(child, labels)
        if not open_ones:
            is_taken = True
            if not child.goes_on:
                break
    if not is_taken:
        yield route


def _with_integration(routing: Routing) -> list[str]:
    of_tests = {path[-1].receiver for path in routing.root.walk() if is_for_tests(path)}
    return [
        f"{name} ({few(one.kinds)})"
        for name, one in routing.receivers.items()
        if not one.is_empty and name not in of_tests
    ]


def _shown(name: str, paths: tuple[tuple[Route, ...], ...]) -> str:
    return f"{name}: " + "; ".join(f"{' > '.join(map(str, path))} > receiver {path[-1].receiver}" for path in paths)


def _without_integration(facts: Facts) -> Facts:
    webhook = "- name: webhook\n  webhook_configs:\n  - url_file: /run/secrets/webhook-url\n    send_resolved: true\n"
    return with_routing(facts, webhook, "- name: webhook\n")


CHECK = Check(
    id="alertmanager.receivers",
    well="somebody hears of every alert",
    reads=("alertmanager_status", "prometheus_rules", "prometheus_config"),
    needs=("alertmanager", "prometheus"),
    judge=judge,
    # Nobody hears of an alert that is routed by its name.
    healthy=lambda facts: with_routing(
        facts, "  routes:\n", '  routes:\n  - {matchers: [alertname="Watchdog"], receiver: nobody}\n'
    ),
    sick=(
        Sick(
            what="the stack as it ships, with no receiver chosen",
            facts=_without_integration,
            severity=Severity.WARNING,
            says="told to nobody",
        ),
        Sick(
            what="a route for critical alerts that leads nowhere",
            facts=lambda facts: with_routing(
                facts, 'severity="critical"\n    receiver: webhook', 'severity="critical"\n    receiver: nobody'
            ),
            severity=Severity.WARNING,
            says="told to nobody",
        ),
        Sick(
            what="no rules yet, and nobody to hear of them",
            facts=lambda facts: replace(
                _without_integration(facts), prometheus_rules=known(facts.prometheus_rules)[:0]
            ),
            severity=Severity.WARNING,
            says="every alert",
        ),
    ),
)
