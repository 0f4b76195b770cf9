"""Every route can be reached, and knows the severities that rules use.

Routes are asked in order, and the first that matches ends the search unless it says `continue`. A route behind one that
takes all it would take is never asked; one that contradicts the route above it never matches. And a severity that is
spelt in another way than in the routes goes to the default receiver without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monops.checks._alerting import (
    alert_rules,
    few,
    meant_severity,
    routing_of,
    severities,
    with_routing,
    with_rules,
)
from monops.checks._healthy import rule
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.routing import Matcher, Route, Routing


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each route that no alert reaches, and for each severity that no route knows."""
    routing = routing_of(facts)
    for path in routing.root.walk():
        why = _never_matches(path)
        if why:
            yield _unreachable(path, why)
        yield from _behind(path)
    yield from _misspelt(facts, routing)


def _never_matches(path: Sequence[Route]) -> str:
    matchers = [matcher for route in path for matcher in route.matchers]
    fixed = {matcher.name: matcher.value for matcher in matchers if matcher.operator == "="}
    against = [matcher for matcher in matchers if matcher.name in fixed and not matcher.matches(fixed)]
    is_own = any(matcher in path[-1].matchers for matcher in against) or any(
        matcher.operator == "=" and matcher.name == against[0].name for matcher in path[-1].matchers if against
    )
    if not against or not is_own:
        return ""
    return f'no alert can meet {against[0]} and {against[0].name}="{fixed[against[0].name]}"'


def _behind(path: Sequence[Route]) -> Iterator[Finding]:
    """The children that a sibling before them leaves nothing."""
    children = path[-1].routes
    for place, child in enumerate(children):
        for before in children[:place]:
            if not before.goes_on and _narrows(before) <= _narrows(child):
                why = f"the route {before} before it takes all that it would take"
                yield _unreachable((*path, child), why)
                break


def _narrows(route: Route) -> set[Matcher]:
    return {matcher for matcher in route.matchers if (matcher.operator, matcher.value) != ("=~", ".*")}


def _unreachable(path: Sequence[Route], why: str) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        subject=f"route {path[-1]} to {path[-1].receiver}",
        cause=f"it is never used: {why}",
        evidence=(f"/api/v2/status: {' > '.join(map(str, path))}",),
        fix=Fix(
            say="Move it before the other, or write continue: true there."
            if "before it" in why
            else "Mend its matchers, or move it to another place in the tree."
        ),
    )


def _misspelt(facts: Facts, routing: Routing) -> Iterator[Finding]:
    unknown: dict[tuple[str, str], list[str]] = {}
    for _, found in alert_rules(facts):
        severity = found.labels.get("severity", "")
        meant = meant_severity(routing, severity)
        if meant:
            unknown.setdefault((severity, meant), []).append(found.name)
    for (severity, meant), names in unknown.items():
        yield Finding(
            severity=Severity.WARNING,
            subject=f"alert {names[0]}" if len(names) == 1 else f"alerts {few(names, 3)}",
            cause=f"no route knows severity={severity}, which looks like {meant}: the default receiver"
            f" {routing.root.receiver} hears of it",
            evidence=(
                f"/api/v1/rules: severity {severity}",
                f"/api/v2/status: routes for severity {few(severities(routing))}",
            ),
            fix=Fix(say=f"Write severity: {meant} in the rule, or a route for {severity}."),
        )


def _second(facts: Facts, route: str) -> Facts:
    return with_routing(facts, "receivers:\n", f"  - {route}\nreceivers:\n")


CHECK = Check(
    id="alertmanager.routes",
    well="every route can be reached and knows the severities in use",
    reads=("alertmanager_status", "prometheus_rules"),
    needs=("alertmanager", "prometheus"),
    judge=judge,
    healthy=lambda facts: with_rules(facts, rule("Odd", "up == 0", labels={"severity": "none"})),
    sick=(
        Sick(
            what="a route behind one that takes all",
            facts=lambda facts: _second(facts, '{matchers: [severity="critical", team="db"], receiver: webhook}'),
            severity=Severity.WARNING,
            says="takes all that it would take",
        ),
        Sick(
            what="a route that contradicts the one above it",
            facts=lambda facts: with_routing(
                facts,
                'severity="critical"\n    receiver: webhook',
                'severity="critical"\n    receiver: webhook\n    routes:\n    - matchers: [severity=~"warning|info"]',
            ),
            severity=Severity.WARNING,
            says="no alert can meet",
        ),
        Sick(
            what="a severity that is spelt in another way",
            facts=lambda facts: with_rules(facts, rule("Odd", "up == 0", labels={"severity": "crit"})),
            severity=Severity.WARNING,
            says="which looks like critical",
        ),
    ),
)
