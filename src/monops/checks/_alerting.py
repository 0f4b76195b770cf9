"""What several checks of rules, alerts and Alertmanager ask of the facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import yaml

from monops.checks._reading import of_service
from monops.domain.facts import Facts, IsUnknown, Rule, RuleGroup, SeenContainer, Silence, Unknown, known
from monops.domain.nearest import nearest
from monops.domain.rebuild import without_secret
from monops.domain.routing import Matcher, Route, Routing, read_matchers, read_routing
from monops.domain.watchdog import names_a_watchdog
from monops.domain.yaml_text import read_yaml

#: By this label test alerts are routed; no other alert has it.
TEST_LABEL = "monops_test"
_ALWAYS_TRUE = re.compile(r"^vector\((\d+)\)( > 0)?$")
_ADDRESS = re.compile(r"(?P<host>\bhttps?://[^/\s\"'?#]+)[/?#][^\s\"']*")


def alert_rules(facts: Facts) -> Iterator[tuple[RuleGroup, Rule]]:
    """Every alerting rule that is loaded."""
    for group in known(facts.prometheus_rules):
        for rule in group.rules:
            if rule.kind == "alerting":
                yield group, rule


def always_fires(rule: Rule) -> bool:
    """Whether the rule is there to show that alerting works."""
    return bool(names_a_watchdog(rule.name) or _ALWAYS_TRUE.match(rule.expr.strip()))


def is_watchdog(labels: Mapping[str, str]) -> bool:
    """The same, of an alert."""
    return names_a_watchdog(labels.get("alertname", ""))


def routing_of(facts: Facts) -> Routing:
    """Alertmanager's routing in force. Raises IsUnknown."""
    try:
        return read_routing(known(facts.alertmanager_status).config)
    except ValueError as error:
        reason = f"Alertmanager's configuration in force cannot be read: {error}"
        raise IsUnknown(Unknown(reason, "monops stack logs alertmanager")) from error


def is_for_tests(path: Iterable[Route]) -> bool:
    """Whether only test alerts take this path of routes."""
    return any(matcher.name == TEST_LABEL for route in path for matcher in route.matchers)


def receivers_in_use(routing: Routing) -> frozenset[str]:
    """The receivers that a route leads to, without those of test alerts."""
    return frozenset(path[-1].receiver for path in routing.root.walk() if not is_for_tests(path))


def severities(routing: Routing) -> tuple[str, ...]:
    """The severities that routes name."""
    found = [value for one in _by_severity(routing) for value in one.value.strip("^$()").split("|")]
    return tuple(dict.fromkeys(filter(None, found)))


def meant_severity(routing: Routing, severity: str) -> str:
    """The one that was probably meant by a severity that no route knows; "" where a route knows it, or none is like it.

    Both "warn" for "warning" and a severity for which no route is wanted are unknown: only the first is like one.
    """
    if not severity or any(one.matches({"severity": severity}) for one in _by_severity(routing)):
        return ""
    return nearest(severity, severities(routing)) or ""


def _by_severity(routing: Routing) -> list[Matcher]:
    matchers = [matcher for path in routing.root.walk() for matcher in path[-1].matchers]
    return [one for one in matchers if one.name == "severity" and one.operator in ("=", "=~")]


def prometheus_settings(facts: Facts) -> Mapping[str, Any]:
    """Prometheus's configuration in force. Raises IsUnknown."""
    try:
        found = read_yaml(known(facts.prometheus_config))
    except yaml.YAMLError as error:
        reason = "Prometheus's configuration in force cannot be read"
        raise IsUnknown(Unknown(reason, "monops stack logs prometheus")) from error
    return found if isinstance(found, Mapping) else {}


def sent_labels(facts: Facts, labels: Mapping[str, str]) -> dict[str, str]:
    """An alert's labels as Prometheus sends them: with the external ones. Raises IsUnknown."""
    external = (prometheus_settings(facts).get("global") or {}).get("external_labels") or {}
    return {str(name): str(value) for name, value in external.items()} | dict(labels)


def rule_labels(rule: Rule) -> dict[str, str]:
    """The labels that every alert of a rule has; those whose value is a template have it as text."""
    return {**rule.labels, "alertname": rule.name}


def container_of(facts: Facts, service: str) -> SeenContainer | None:
    """The container of a service of the stack, or None; of several the first. Raises IsUnknown."""
    return next(iter(of_service(facts, service)), None)


def reload_command(facts: Facts, service: str) -> str:
    """What makes a service read its configuration again, whatever its ports and flags."""
    return f"docker kill --signal HUP {container_name(facts, service)}"


def container_name(facts: Facts, service: str) -> str:
    """The name of a service's container, for commands; the service's own where it is not known."""
    found = None if isinstance(facts.containers, Unknown) else container_of(facts, service)
    return found.name if found else service


def expire_command(facts: Facts, silence: str) -> str:
    """What ends a silence."""
    name = container_name(facts, "alertmanager")
    return f"docker exec {name} amtool silence expire {silence} --alertmanager.url=http://localhost:9093"


def silence_matchers(silence: Silence) -> tuple[Matcher, ...]:
    """What it matches; nothing where that cannot be read."""
    try:
        return tuple(matcher for text in silence.matchers for matcher in read_matchers(text))
    except ValueError:
        # A regular expression that only Go reads: it is none that matches everything.
        return ()


def mutes_everything(silence: Silence) -> bool:
    matchers = silence_matchers(silence)
    return bool(matchers) and all(matcher.matches_everything for matcher in matchers)


def moment(text: str) -> float:
    """Unix time of an RFC 3339 text; 0 where it is none."""
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).timestamp()
    except ValueError:
        return 0.0


def age(facts: Facts, text: str) -> float:
    """How many seconds ago that was; 0 where it is no time."""
    at = moment(text)
    return facts.now.timestamp() - at if at else 0.0


def few(names: Iterable[str], limit: int = 5) -> str:
    """`a, b, c and 4 more`."""
    items = list(dict.fromkeys(names))
    if len(items) <= limit + 1:
        return ", ".join(items)
    return f"{', '.join(items[:limit])} and {len(items) - limit} more"


def count(number: int, noun: str) -> str:
    """`1 alert`, `3 alerts`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def tidy(text: str) -> str:
    """A message of a program as evidence: one line, addresses without their paths, which can be tokens."""
    return without_secret(_ADDRESS.sub(r"\g<host>/…", " ".join(text.split())))


# --- for the examples ----------------------------------------------------------------------------


def with_rules(facts: Facts, *rules: Rule, **changes: Any) -> Facts:
    """The facts with more rules in the first group, and that group with other fields."""
    first, *rest = known(facts.prometheus_rules)
    return replace(facts, prometheus_rules=(replace(first, rules=(*first.rules, *rules), **changes), *rest))


def with_routing(facts: Facts, old: str, new: str) -> Facts:
    """The facts with a piece of Alertmanager's configuration replaced."""
    status = known(facts.alertmanager_status)
    if old not in status.config:
        raise ValueError(f"the healthy configuration has no {old!r}")
    return replace(facts, alertmanager_status=replace(status, config=status.config.replace(old, new, 1)))
