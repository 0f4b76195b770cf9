"""The engine keeps images and containers in a way that works well.

The storage driver vfs copies every layer whole: it is slow and fills the disk. On an XFS without file types overlay2
loses files. Where containerd keeps the images (Docker 29 and later by itself), a cAdvisor before 0.54, or one that does
not have containerd's socket, gives its series no container names. Source: docs.docker.com/engine/storage/drivers;
google/cadvisor issues 3643 and 3860.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from monops.checks._containers import members, role
from monops.domain.check import Check, Sick
from monops.domain.facts import EngineInfo, Facts, SeenContainer, known
from monops.domain.finding import Finding, Fix, Risk, Severity

#: The first cAdvisor that asks containerd for names.
_KNOWS_CONTAINERD = (0, 54)
_SOCKET_IN = ("/run", "/var/run", "/run/containerd", "/var/run/containerd")
_SOCKET = "/run/containerd/containerd.sock"


def judge(facts: Facts) -> Iterator[Finding]:
    """For the driver, and for a cAdvisor that does not fit it."""
    engine = known(facts.engine)
    seen = (f"docker info: storage driver {engine.storage_driver}",)
    containers = members(facts)
    if engine.storage_driver == "vfs":
        yield Finding(
            severity=Severity.WARNING,
            subject="storage driver vfs",
            cause="it copies every layer of an image whole, which is slow and fills the disk",
            evidence=seen,
            fix=Fix(
                say='Name "overlay2" as "storage-driver" in /etc/docker/daemon.json, after a backup: images and '
                "containers have to be made again.",
                command="docker info --format '{{.Driver}}'",
            ),
        )
    if engine.driver_status.get("Supports d_type", "").lower() == "false":
        yield Finding(
            severity=Severity.WARNING,
            subject=f"storage driver {engine.storage_driver}",
            cause="its file system was made without file types, so that files can vanish from containers",
            evidence=(*seen, "docker info: Supports d_type: false"),
            fix=Fix(
                say=f"Move {engine.root} to a file system made with mkfs.xfs -n ftype=1, or to ext4.",
                command=f"df --print-type {engine.root}",
            ),
        )
    if _is_in_containerd(engine):
        for one in containers:
            if role(one) == "cadvisor":
                yield from _cadvisor(one, seen)


def _is_in_containerd(engine: EngineInfo) -> bool:
    return any("io.containerd.snapshotter" in text for text in engine.driver_status.values())


def _cadvisor(one: SeenContainer, seen: tuple[str, ...]) -> Iterator[Finding]:
    found = re.search(r":v?(\d+)\.(\d+)", one.container.image)
    image = f"docker inspect: image {one.container.image}"
    if found and (int(found[1]), int(found[2])) < _KNOWS_CONTAINERD:
        yield Finding(
            severity=Severity.ERROR,
            subject=f"container {one.name}",
            cause="containerd keeps the images, and this cAdvisor is too old to ask it for the containers' names",
            evidence=(*seen, image),
            fix=Fix(
                say="Set CADVISOR_IMAGE in .env to ghcr.io/google/cadvisor:v0.60.5 or later, then make it anew.",
                command=f"monops stack up {one.service}",
                risk=Risk.INTERRUPTS,
            ),
        )
    elif not any(m.destination.rstrip("/") in (*_SOCKET_IN, _SOCKET) for m in one.container.mounts):
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {one.name}",
            cause="containerd keeps the images, and cAdvisor has not its socket to ask it for the containers' names",
            evidence=(*seen, "docker inspect: nothing is mounted at /run/containerd"),
            fix=Fix(
                say=f"Add the volume /run/containerd:/run/containerd:ro to {one.service}, then make it anew.",
                command=f"monops stack up {one.service}",
                risk=Risk.INTERRUPTS,
            ),
        )


def _in_containerd(facts: Facts, image: str) -> Facts:
    engine = replace(
        known(facts.engine),
        storage_driver="overlayfs",
        driver_status={"driver-type": "io.containerd.snapshotter.v1"},
    )
    containers = tuple(
        replace(one, container=replace(one.container, image=image)) if one.service == "cadvisor" else one
        for one in known(facts.containers)
    )
    return replace(facts, engine=engine, containers=containers)


CHECK = Check(
    id="engine.storage_driver",
    well="the engine's storage driver is a good one",
    reads=("engine", "containers"),
    judge=judge,
    sick=(
        Sick(
            what="the driver vfs",
            facts=lambda facts: replace(facts, engine=replace(known(facts.engine), storage_driver="vfs")),
            severity=Severity.WARNING,
            says="copies every layer",
        ),
        Sick(
            what="an XFS without file types",
            facts=lambda facts: replace(
                facts, engine=replace(known(facts.engine), driver_status={"Supports d_type": "false"})
            ),
            severity=Severity.WARNING,
            says="without file types",
        ),
        Sick(
            what="an old cAdvisor with images in containerd",
            facts=lambda facts: _in_containerd(facts, "gcr.io/cadvisor/cadvisor:v0.52.1"),
            severity=Severity.ERROR,
            says="too old",
        ),
        Sick(
            what="a cAdvisor without containerd's socket",
            facts=lambda facts: _in_containerd(facts, "ghcr.io/google/cadvisor:v0.60.5"),
            severity=Severity.WARNING,
            says="has not its socket",
        ),
    ),
)
