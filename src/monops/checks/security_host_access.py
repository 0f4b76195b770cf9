"""No container can change the machine, or see more of it than it needs.

The node exporter has the machine's processes and its disk to read from; cAdvisor its disk. Neither needs to write
there: mount with `ro`. Other services need neither. Source: PidMode and Mounts of `docker inspect`.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._containers import host_config, members, role, with_host_config
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.ports import Mount

#: Folders of the host in which whoever can write becomes root.
_MACHINE = frozenset(
    {"/", "/etc", "/root", "/home", "/boot", "/usr", "/bin", "/sbin", "/lib", "/proc", "/var/lib/docker"}
)
#: Those that watch the machine's processes for a living.
_WATCHERS = ("node-exporter", "node_exporter", "process-exporter", "cadvisor")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container and thing."""
    for one in members(facts):
        for mount in one.container.mounts:
            if mount.type == "bind" and mount.writable and (mount.source.rstrip("/") or "/") in _MACHINE:
                yield Finding(
                    severity=Severity.WARNING,
                    subject=f"container {one.name}",
                    cause=f"it can change the machine's {mount.source}: whoever gets into it becomes root",
                    evidence=(f"docker inspect: {mount.source} mounted at {mount.destination}, writable",),
                    fix=_fix(one, f"Mount it read-only: {mount.source}:{mount.destination}:ro."),
                )
        is_watcher = role(one) in _WATCHERS or any(name in one.container.image for name in _WATCHERS)
        if host_config(one).get("PidMode") == "host" and not is_watcher:
            yield Finding(
                severity=Severity.WARNING,
                subject=f"container {one.name}",
                cause="it sees every process of the machine, with what stands in their variables",
                evidence=("docker inspect: PidMode host",),
                fix=_fix(one, f"Take pid: host from {one.service} in the Compose file."),
            )


def _fix(one: SeenContainer, say: str) -> Fix:
    return Fix(say=say, command=f"monops stack up {one.service}", risk=Risk.INTERRUPTS)


def _with_root(one: SeenContainer) -> SeenContainer:
    mount = Mount(type="bind", name="", source="/", destination="/rootfs")
    return changed(one, container={"mounts": (*one.container.mounts, mount)})


CHECK = Check(
    id="security.host_access",
    well="no container can change the machine",
    reads=("containers",),
    judge=judge,
    sick=(
        Sick(
            what="a cAdvisor that may write everywhere",
            facts=lambda facts: with_container(facts, "cadvisor", _with_root),
            severity=Severity.WARNING,
            says="can change the machine's /",
        ),
        Sick(
            what="a Grafana that sees every process",
            facts=lambda facts: with_host_config(facts, "grafana", PidMode="host"),
            severity=Severity.WARNING,
            says="every process",
        ),
    ),
)
