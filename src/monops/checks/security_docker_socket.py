"""No container can command the Docker engine.

Who can write to the engine's socket can start a container with the whole disk in it: that is root on the machine.
Mounting the socket read-only changes nothing, because a request is not a write to the file. Where Prometheus is to find
containers by itself, put a socket proxy between that lets only questions through. cAdvisor needs the socket.
Source: Mounts of `docker inspect`.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._containers import members, role
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.ports import Mount

_SOCKETS = ("/docker.sock", "/containerd.sock", "/podman.sock")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container."""
    for one in members(facts):
        socket = next((mount for mount in one.container.mounts if _is_socket(mount)), None)
        if socket is None or role(one) == "cadvisor" or "socket-proxy" in one.container.image:
            continue
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {one.name}",
            cause="it has the engine's socket: whoever gets into it is root on the machine",
            evidence=(f"docker inspect: {socket.source} mounted at {socket.destination}",),
            fix=Fix(say=f"Take the socket from {one.service}, or put a socket proxy between, for questions only."),
        )


def _is_socket(mount: Mount) -> bool:
    return mount.type == "bind" and (
        mount.source.endswith(_SOCKETS) or mount.source.rstrip("/") in ("/run", "/var/run")
    )


def _with_socket(one: SeenContainer) -> SeenContainer:
    path = "/var/run/docker.sock"
    mount = Mount(type="bind", name="", source=path, destination=path, writable=False)
    return changed(one, container={"mounts": (*one.container.mounts, mount)})


CHECK = Check(
    id="security.docker_socket",
    well="no container can command the engine",
    reads=("containers",),
    judge=judge,
    sick=(
        Sick(
            what="a Prometheus with the engine's socket",
            facts=lambda facts: with_container(facts, "prometheus", _with_socket),
            severity=Severity.WARNING,
            says="engine's socket",
        ),
    ),
)
