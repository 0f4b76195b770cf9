"""Where Prometheus keeps its data."""

from __future__ import annotations

from dataclasses import replace

from monops.domain import stack
from monops.domain.facts import Disk, Facts, IsUnknown, SeenContainer, Unknown, known
from monops.domain.ports import Mount


def data_path(one: SeenContainer) -> str:
    """The folder in its container."""
    return stack.data_path("prometheus", one.container)


def data_mount(one: SeenContainer) -> Mount | None:
    """The mount that holds it; None where it is in the container itself."""
    path = data_path(one).rstrip("/") + "/"
    holding = [m for m in one.container.mounts if path.startswith(m.destination.rstrip("/") + "/")]
    return max(holding, key=lambda mount: len(mount.destination), default=None)


def data_disk(one: SeenContainer, facts: Facts) -> Disk:
    """The disk that its data are on. Raises IsUnknown where nobody could look at it."""
    disks = facts.data_disks
    if not isinstance(disks, Unknown) and "prometheus" in disks:
        return disks["prometheus"]
    disk, mount = known(facts.engine_disk), data_mount(one)
    if mount is not None and mount.type == "bind" and not mount.source.startswith(disk.path.rstrip("/") + "/"):
        raise IsUnknown(Unknown(f"the disk of {mount.source} was not looked at", f"df -hT {mount.source}"))
    return disk


def on_disk(disk: Disk, facts: Facts) -> Facts:
    """The facts with Prometheus's data on such a disk."""
    return replace(facts, data_disks={"prometheus": disk})
