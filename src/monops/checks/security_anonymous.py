"""Nobody can change Grafana without logging in.

Anonymous access as Viewer shows dashboards to everybody who reaches Grafana, which may be wanted. As Editor or Admin it
lets everybody change and delete them, and as Admin everything else. Source: Grafana's variables GF_AUTH_ANONYMOUS_*.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._containers import members, role
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Risk, Severity

_ENABLED, _ROLE = "GF_AUTH_ANONYMOUS_ENABLED", "GF_AUTH_ANONYMOUS_ORG_ROLE"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each Grafana."""
    for one in members(facts):
        environment = one.container.environment
        given = environment.get(_ROLE, "Viewer").strip()
        if role(one) != "grafana" or environment.get(_ENABLED, "").lower() not in ("true", "1"):
            continue
        if given.lower() in ("admin", "editor"):
            yield Finding(
                severity=Severity.WARNING,
                subject=f"container {one.name}",
                cause=f"whoever reaches Grafana is {given} in it, without logging in",
                evidence=(f"docker inspect: {_ENABLED}=true, {_ROLE}={given}",),
                fix=Fix(
                    say=f"Set {_ROLE} to Viewer in the Compose file, or {_ENABLED} to false.",
                    command=f"monops stack up {one.service}",
                    risk=Risk.INTERRUPTS,
                ),
            )


CHECK = Check(
    id="security.anonymous",
    well="nobody can change Grafana without logging in",
    reads=("containers",),
    judge=judge,
    sick=(
        Sick(
            what="everybody is an administrator",
            facts=lambda facts: with_container(
                facts,
                "grafana",
                lambda one: changed(one, container={"environment": {_ENABLED: "true", _ROLE: "Admin"}}),
            ),
            severity=Severity.WARNING,
            says="without logging in",
        ),
    ),
)
