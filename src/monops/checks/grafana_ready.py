"""Grafana answers, and its database is well.

Grafana keeps users, settings and what was made by hand in a database file in its volume. A full disk, a folder it may
not write to, or two Grafanas on one volume make it fail while the program runs on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._alerting import container_of, tidy
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, GrafanaHealth, SeenContainer, known
from monops.domain.finding import Finding, Fix, Risk, Severity

_UNREACHABLE = "unreachable: "


def judge(facts: Facts) -> Iterator[Finding]:
    """Nobody answers, or its database is not well."""
    database = known(facts.grafana_health).database
    if database == "ok":
        return
    found = container_of(facts, "grafana")
    log = tuple(tidy(line) for line in found.log[-3:]) if found is not None else ()
    runs = found is not None and found.is_running
    yield Finding(
        severity=Severity.ERROR,
        subject=f"container {found.name}" if found is not None else "Grafana",
        cause=_why(database, found),
        evidence=(f"/api/health: {tidy(database) or 'no word of its database'}", *log),
        fix=Fix(say="Read in its log why.", command="monops stack logs grafana")
        if runs
        else Fix(say="Start Grafana.", command="monops stack up grafana", risk=Risk.SAFE),
    )


def _why(database: str, found: SeenContainer | None) -> str:
    if found is None:
        return "it has no container"
    if not found.is_running:
        return f"its container is {found.container.state}"
    if database.startswith(_UNREACHABLE):
        return "it runs and does not answer"
    return f"its database is not well: {tidy(database) or 'it does not say how it is'}"


def _with_database(facts: Facts, database: str) -> Facts:
    return replace(facts, grafana_health=GrafanaHealth(version="12.4.0", database=database))


CHECK = Check(
    id="grafana.ready",
    well="it answers and its database is well",
    reads=("grafana_health", "containers"),
    needs=("grafana",),
    judge=judge,
    sick=(
        Sick(
            what="a database that is locked",
            facts=lambda facts: _with_database(facts, "failing"),
            severity=Severity.ERROR,
            says="its database is not well: failing",
        ),
        Sick(
            what="a Grafana that does not answer",
            facts=lambda facts: _with_database(facts, "unreachable: connection refused"),
            severity=Severity.ERROR,
            says="does not answer",
        ),
        Sick(
            what="a Grafana that has ended",
            facts=lambda facts: with_container(
                _with_database(facts, "unreachable: no such host"),
                "grafana",
                lambda one: changed(one, container={"state": "exited"}),
            ),
            severity=Severity.ERROR,
            says="its container is exited",
        ),
    ),
)
