"""Grafana shows the dashboards that are mounted into it.

Dashboards of the stack are files: Grafana reads them at its start and every half minute. A file with a mistake, two
with one uid, or a folder it may not read leave it without them, and only its log says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._alerting import few
from monops.checks._healthy import changed, with_container
from monops.checks._reading import of_service, running_for
from monops.checks.grafana_dashboards import with_dashboard
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.ports import Mount

#: Grafana reads new files every half minute or so.
_START = 90.0


def judge(facts: Facts) -> Iterator[Finding]:
    """There is no dashboard, though files for some are mounted, or none are."""
    if known(facts.grafana_dashboards):
        return
    containers = of_service(facts, "grafana")
    if any(running_for(one, facts) < _START for one in containers):
        return
    mounts = [mount for one in containers for mount in one.container.mounts if "dashboard" in mount.destination]
    mounts += [m for one in containers for m in one.container.mounts if m.destination.startswith("/etc/grafana")]
    if mounts:
        yield Finding(
            severity=Severity.WARNING,
            subject="dashboards of Grafana",
            cause="folders for them are mounted and it shows none: it could not read the files, or none are there",
            evidence=("/api/search: no dashboard", f"mounted: {few(f'{m.source} to {m.destination}' for m in mounts)}"),
            fix=Fix(say="Read in its log which file it refuses.", command="monops stack logs grafana"),
        )
    else:
        yield Finding(
            severity=Severity.INFO,
            subject="dashboards of Grafana",
            cause="it has none, and none are mounted into it",
            evidence=("/api/search: no dashboard", "no mount below /etc/grafana"),
            fix=Fix(say="Let monops write the stack's dashboards.", command="monops init --dry-run"),
        )


def _mounted(facts: Facts) -> Facts:
    mount = Mount(
        type="bind", name="", source="/srv/monitoring/grafana", destination="/etc/grafana/dashboards", writable=False
    )
    return with_container(
        replace(facts, grafana_dashboards=()),
        "grafana",
        lambda one: changed(one, container={"mounts": (*one.container.mounts, mount)}),
    )


CHECK = Check(
    id="grafana.provisioning",
    well="it shows the dashboards that are mounted into it",
    reads=("grafana_dashboards", "containers"),
    needs=("grafana",),
    judge=judge,
    healthy=lambda facts: with_dashboard(facts, "prometheus"),
    sick=(
        Sick(
            what="dashboards that Grafana refuses",
            facts=_mounted,
            severity=Severity.WARNING,
            says="it shows none",
        ),
        Sick(
            what="no dashboards at all",
            facts=lambda facts: replace(facts, grafana_dashboards=()),
            severity=Severity.INFO,
            says="it has none",
        ),
    ),
)
