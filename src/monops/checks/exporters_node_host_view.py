"""The node exporter sees the host, not its own container.

In a container of its own it has its own network, its own processes and its own file systems, and shows those: the
graphs look plausible and the disk alert watches the wrong disk. It needs the host's network, the host's mount table
(`pid: host`, or the host's `/proc` mounted and named by `--path.procfs`), and the host's `/` mounted where
`--path.rootfs` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import changed, with_container
from monops.checks._reading import flag, host_config, of_service, with_host_config
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.rebuild import words_without_secrets


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each part of the host that a node exporter does not see."""
    for one in of_service(facts, "node-exporter"):
        yield from _file_systems(one)
        network = str(host_config(one).get("NetworkMode") or "")
        if network != "host":
            yield Finding(
                severity=Severity.WARNING,
                subject=f"container {one.name}",
                cause="it is on a network of its own, so its network metrics are the container's, not the host's",
                evidence=(f"docker inspect: NetworkMode {network or 'default'}",),
                fix=_fix(one, "Give it network_mode: host in the Compose file and scrape it at the host's address."),
            )


def _file_systems(one: SeenContainer) -> Iterator[Finding]:
    root, processes = flag(one, "path.rootfs"), flag(one, "path.procfs")
    mounted = {mount.destination: mount.source for mount in one.container.mounts}
    cause = ""
    if "/" not in mounted.values():
        cause = "the host's / is not mounted, so its file systems are the container's, not the host's"
    elif root is None or mounted.get(root.rstrip("/")) != "/":
        cause = "--path.rootfs does not name where the host's / is mounted, so sizes of file systems are wrong"
    elif host_config(one).get("PidMode") != "host" and not _is_host_proc(processes, root, mounted):
        cause = "it reads its own list of mounts, so the host's file systems are missing or wrong"
    if cause:
        mounts = ", ".join(f"{source} on {place}" for place, source in sorted(mounted.items())) or "none"
        yield Finding(
            severity=Severity.ERROR,
            subject=f"container {one.name}",
            cause=cause,
            evidence=(
                f"docker inspect: mounts {mounts}",
                f"command: {' '.join(words_without_secrets(one.container.command))}",
            ),
            fix=_fix(
                one, "Give it pid: host, the volume /:/host:ro,rslave and --path.rootfs=/host in the Compose file."
            ),
        )


def _is_host_proc(path: str | None, root: str, mounted: dict[str, str]) -> bool:
    return path is not None and (mounted.get(path.rstrip("/")) == "/proc" or path.rstrip("/") == f"{root}/proc")


def _fix(one: SeenContainer, say: str) -> Fix:
    return Fix(say=say, command=f"monops stack up {one.service}", risk=Risk.INTERRUPTS)


CHECK = Check(
    id="exporters.node_host_view",
    well="the node exporter sees the host",
    reads=("containers",),
    judge=judge,
    needs=("node-exporter",),
    sick=(
        Sick(
            what="an exporter on the stack's own network",
            facts=lambda facts: with_container(
                facts, "node-exporter", lambda one: with_host_config(one, NetworkMode="monitoring_monitoring")
            ),
            severity=Severity.WARNING,
            says="network of its own",
        ),
        Sick(
            what="an exporter without the host's /",
            facts=lambda facts: with_container(
                facts, "node-exporter", lambda one: changed(one, container={"mounts": ()})
            ),
            severity=Severity.ERROR,
            says="/ is not mounted",
        ),
        Sick(
            what="a mount that no flag names",
            facts=lambda facts: with_container(
                facts, "node-exporter", lambda one: replace(one, container=replace(one.container, command=()))
            ),
            severity=Severity.ERROR,
            says="--path.rootfs does not name",
        ),
        Sick(
            what="an exporter among its own processes",
            facts=lambda facts: with_container(facts, "node-exporter", lambda one: with_host_config(one, PidMode="")),
            severity=Severity.ERROR,
            says="its own list of mounts",
        ),
    ),
)
