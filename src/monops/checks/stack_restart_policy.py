"""Every service comes back after a restart of the machine.

Without `restart:` a container stays away after a crash or a reboot; with `on-failure` it does after a reboot. A
container that did its work and ended well is taken for one that is meant to.
Source: docs.docker.com/engine/containers/start-containers-automatically.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._containers import host_config, members, together, with_host_config
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer
from monops.domain.finding import Finding, Fix, Risk, Severity

_CAUSES = {
    "no": "no restart after a crash, nor after a restart of the machine",
    "on-failure": "no restart after a restart of the machine",
}


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each policy, with all containers that have it."""
    found: dict[str, list[SeenContainer]] = {}
    for one in members(facts):
        policy = (host_config(one).get("RestartPolicy") or {}).get("Name") or "no"
        is_job = one.container.state == "exited" and one.exit_code == 0
        if policy in _CAUSES and not is_job:
            found.setdefault(policy, []).append(one)
    for policy, containers in found.items():
        names = [one.name for one in containers]
        services = ", ".join(sorted({one.service for one in containers}))
        yield Finding(
            severity=Severity.WARNING,
            subject=together(names),
            cause=_CAUSES[policy],
            evidence=(f"docker inspect: restart policy {policy}",),
            fix=Fix(
                say=f"Write restart: unless-stopped for {services} in the Compose file; until then set it by hand.",
                command=f"docker update --restart unless-stopped {' '.join(names)}",
                risk=Risk.SAFE,
            ),
        )


CHECK = Check(
    id="stack.restart_policy",
    well="every service comes back after a restart",
    reads=("containers",),
    judge=judge,
    sick=(
        Sick(
            what="no policy",
            facts=lambda facts: with_host_config(facts, "grafana", RestartPolicy={"Name": "no"}),
            severity=Severity.WARNING,
            says="after a crash",
        ),
        Sick(
            what="on-failure",
            facts=lambda facts: with_host_config(facts, "grafana", RestartPolicy={"Name": "on-failure"}),
            severity=Severity.WARNING,
            says="after a restart of the machine",
        ),
    ),
)
