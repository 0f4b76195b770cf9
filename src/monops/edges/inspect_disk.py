"""File systems: the engine's, and those that hold the services' data.

Source: statvfs(3); proc(5), /proc/pid/mountinfo.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from monops.domain.errors import EngineError
from monops.domain.facts import Disk
from monops.domain.ports import Container
from monops.domain.stack import data_path, holding
from monops.edges.docker_reader import DockerReader
from monops.edges.inspect_members import Members
from monops.edges.inspect_process import is_process_of

_KEEPERS = ("prometheus", "grafana", "alertmanager")


def engine_disk(reader: DockerReader) -> Disk:
    """Where images and volumes are. Raises EngineError where it is another machine's."""
    root = str(reader.info().get("DockerRootDir") or "")
    if not reader.shares_host:
        raise EngineError(
            "the engine's disk cannot be seen from here", remedy=f"run monops on the engine's host: df -h {root}"
        )
    try:
        return _disk(root, root, "self")
    except OSError as error:
        raise EngineError(f"cannot look at {root}: {error.strerror}", remedy=f"sudo df -h {root}") from error


def data_disks(reader: DockerReader, members: Members) -> dict[str, Disk]:
    """Service -> the disk of its data, of those that have a container and can be looked at. Raises as `engine_disk`."""
    if not reader.shares_host:
        raise EngineError(
            "the disks of the data cannot be seen from here", remedy="run monops on the engine's host: df -h"
        )
    found = {}
    for service in _KEEPERS:
        container = members.of(service, members.containers())
        disk = _of(service, container) if container is not None else None
        if disk is not None:
            found[service] = disk
    return found


def _of(service: str, container: Container) -> Disk | None:
    path = data_path(service, container)
    pid = int((container.raw.get("State") or {}).get("Pid") or 0)
    with contextlib.suppress(OSError):
        if is_process_of(pid, container.id):
            return _disk(f"/proc/{pid}/root{path}", path, str(pid))
        mount = holding(container.mounts, path)
        # A volume that is a device is mounted only while a container uses it.
        if mount is not None and mount.type == "bind" and mount.source.startswith("/"):
            return _disk(mount.source, mount.source, "self")
    return None


def _disk(place: str, path: str, process: str) -> Disk:
    found = os.statvfs(place)
    return Disk(
        path=path,
        total=found.f_blocks * found.f_frsize,
        free=found.f_bavail * found.f_frsize,
        kind=_kind_of(path, process),
    )


def _kind_of(path: str, process: str) -> str:
    """As the kernel names it; "" where it does not say."""
    try:
        lines = Path(f"/proc/{process}/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    for line in lines:
        fields = line.split()
        if "-" not in fields[6:]:
            continue
        point = fields[4]
        if f"{path}/".startswith(point.rstrip("/") + "/") and len(point) >= len(best):
            best, kind = point, fields[fields.index("-", 6) + 1]
    return kind
