"""Notifications are repeated as often as the routes say.

Alertmanager remembers what it told for `--data.retention` (120 hours): with a longer `repeat_interval` it forgets, and
tells it again earlier than asked. And it looks at a group once in `group_interval`: a shorter `repeat_interval` is as
long as that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from monops.checks._alerting import container_of, routing_of, with_routing
from monops.checks._reading import flag
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.routing import Route, as_duration
from monops.domain.units import show_duration

_RETENTION = "120h"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each route whose repeat_interval cannot be kept, and does not come from above."""
    one = container_of(facts, "alertmanager")
    asked = (flag(one, "data.retention") if one is not None else None) or _RETENTION
    retention = as_duration(asked) or timedelta(hours=120)
    for path in routing_of(facts).root.walk():
        route, above = path[-1], path[-2] if len(path) > 1 else None
        if above is not None and _times(above) == _times(route):
            continue
        group, repeat = as_duration(route.group_interval), as_duration(route.repeat_interval)
        if group is None or repeat is None:
            continue
        if repeat > retention:
            yield _finding(
                route,
                Severity.WARNING,
                f"its repeat_interval of {show_duration(repeat)} is longer than Alertmanager remembers"
                f" ({show_duration(retention)}), so it repeats earlier",
                "Shorten repeat_interval, or give Alertmanager a longer --data.retention.",
            )
        elif repeat < group:
            yield _finding(
                route,
                Severity.INFO,
                f"its repeat_interval of {show_duration(repeat)} is shorter than its group_interval of"
                f" {show_duration(group)}, which counts",
                "Write a repeat_interval that is as long as group_interval, or shorten that.",
            )


def _times(route: Route) -> tuple[str, str]:
    return route.group_interval, route.repeat_interval


def _finding(route: Route, severity: Severity, cause: str, todo: str) -> Finding:
    return Finding(
        severity=severity,
        subject=f"route {route} to {route.receiver}",
        cause=cause,
        evidence=(f"/api/v2/status: group_interval {route.group_interval}, repeat_interval {route.repeat_interval}",),
        fix=Fix(say=todo),
    )


def _repeating(facts: Facts, every: str) -> Facts:
    return with_routing(facts, "route:\n", f"route:\n  repeat_interval: {every}\n")


CHECK = Check(
    id="alertmanager.timing",
    well="notifications are repeated as often as the routes say",
    reads=("alertmanager_status", "containers"),
    needs=("alertmanager",),
    judge=judge,
    sick=(
        Sick(
            what="a repetition once a week",
            facts=lambda facts: _repeating(facts, "1w"),
            severity=Severity.WARNING,
            says="longer than Alertmanager remembers",
        ),
        Sick(
            what="a repetition once a minute",
            facts=lambda facts: _repeating(facts, "1m"),
            severity=Severity.INFO,
            says="which counts",
        ),
    ),
)
