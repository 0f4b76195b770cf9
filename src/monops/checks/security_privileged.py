"""No container has more rights over the machine than it needs.

A privileged container, or one with SYS_ADMIN, is root on the machine in all but name: whoever gets into it has all.
cAdvisor needs it, to read the kernel's accounts of other containers. Nothing else of a monitoring stack does.
Source: HostConfig of `docker inspect`.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._containers import host_config, members, role, with_host_config
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Risk, Severity

_MIGHTY = frozenset({"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO"})


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container."""
    for one in members(facts):
        if role(one) == "cadvisor":
            continue
        host = host_config(one)
        added = sorted(_MIGHTY & {str(name).upper().removeprefix("CAP_") for name in host.get("CapAdd") or ()})
        if not host.get("Privileged") and not added:
            continue
        is_privileged = bool(host.get("Privileged"))
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {one.name}",
            cause="it is privileged: whoever gets into it is root on the machine"
            if is_privileged
            else f"it has the right {added[0]}: whoever gets into it is as good as root on the machine",
            evidence=("docker inspect: Privileged" if is_privileged else f"docker inspect: CapAdd {', '.join(added)}",),
            fix=Fix(
                say=f"Take {'privileged: true' if is_privileged else added[0]} from {one.service} in the Compose file.",
                command=f"monops stack up {one.service}",
                risk=Risk.INTERRUPTS,
            ),
        )


CHECK = Check(
    id="security.privileged",
    well="no container has more rights than it needs",
    reads=("containers",),
    judge=judge,
    sick=(
        Sick(
            what="a privileged Grafana",
            facts=lambda facts: with_host_config(facts, "grafana", Privileged=True),
            severity=Severity.WARNING,
            says="it is privileged",
        ),
        Sick(
            what="a node exporter with SYS_ADMIN",
            facts=lambda facts: with_host_config(facts, "node-exporter", CapAdd=["CAP_SYS_ADMIN"]),
            severity=Severity.WARNING,
            says="SYS_ADMIN",
        ),
    ),
)
