"""The services may write their data and read their files.

The images run as users of their own: Prometheus and Alertmanager as 65534 (nobody), the images without a shell as
65532, Grafana as 472. A volume that belongs to another, as after a copy by root, gives `permission denied`: Prometheus
and Grafana do not start, Alertmanager forgets its silences. The same with files that only their owner may read. Folders
that their group may write are taken for good, because the groups of the container are not known here.
Source: stat of what is mounted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monops.checks._containers import data_mount, members
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.errors import VolumeMissing
from monops.domain.facts import Facts, IsUnknown, SeenContainer, Unknown
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.ports import Mount

_NAMES: Mapping[str, int] = {"": 0, "root": 0, "nobody": 65534, "nonroot": 65532, "grafana": 472}
#: From here on users are those of a remapped name space, which are others inside.
_REMAPPED = 100_000


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container and mount. Unknown where no folder of data could be looked at."""
    found, looked, hidden = [], 0, 0
    for one in members(facts):
        user = _user(one)
        data = _data(one)
        if data is not None:
            looked, hidden = looked + (data.source in one.mount_owners), hidden + (data.source not in one.mount_owners)
        if user in (None, 0):
            continue
        for mount in one.container.mounts:
            owner, mode = one.mount_owners.get(mount.source, (user, 0o777))
            if owner == user or owner >= _REMAPPED:
                continue
            if mount == data and not mode & 0o022:
                found.append(_unwritable(one, mount, user or 0, owner, mode))
            elif mount.type == "bind" and not mode & 0o077:
                found.append(_unreadable(one, mount, user or 0, owner, mode))
    if hidden and not looked and not found:
        raise IsUnknown(
            Unknown(
                "the owners of the volumes cannot be seen from here", "sudo monops doctor --only stack.volume_owner"
            )
        )
    yield from found


def _user(one: SeenContainer) -> int | None:
    """The user it runs as; None where only the image knows."""
    name = one.container.user.partition(":")[0]
    return int(name) if name.isdigit() else _NAMES.get(name)


def _data(one: SeenContainer) -> Mount | None:
    try:
        return data_mount(one)
    except VolumeMissing:
        return None


def _seen(mount: Mount, owner: int, mode: int, user: int) -> tuple[str, ...]:
    return (
        f"stat {mount.source}: user {owner}, mode {mode:04o}; mounted at {mount.destination}",
        f"docker inspect: the container runs as user {user}",
    )


def _unwritable(one: SeenContainer, mount: Mount, user: int, owner: int, mode: int) -> Finding:
    what = mount.name or mount.source
    words = f"docker run --rm --network none --user 0:0 --volume {what}:/data --entrypoint chown {one.container.image}"
    return Finding(
        severity=Severity.WARNING if one.is_running else Severity.ERROR,
        subject=f"container {one.name}",
        cause=f"it may not write its data: they belong to user {owner}, and it runs as user {user}",
        evidence=_seen(mount, owner, mode, user),
        fix=Fix(say=f"Give the data to user {user}.", command=f"{words} -R {user} /data", risk=Risk.SAFE),
    )


def _unreadable(one: SeenContainer, mount: Mount, user: int, owner: int, mode: int) -> Finding:
    return Finding(
        severity=Severity.WARNING if one.is_running else Severity.ERROR,
        subject=f"container {one.name}",
        cause=f"it may not read {mount.destination}: only user {owner} may, and it runs as user {user}",
        evidence=_seen(mount, owner, mode, user),
        fix=Fix(
            say=f"Give {mount.source} to user {user}.", command=f"sudo chown {user} '{mount.source}'", risk=Risk.SAFE
        ),
    )


def _owned(facts: Facts, service: str, owner: tuple[int, int], *, kind: str, state: str = "running") -> Facts:
    def change(one: SeenContainer) -> SeenContainer:
        owners = {mount.source: owner for mount in one.container.mounts if mount.type == kind}
        return changed(one, container={"state": state}, mount_owners={**one.mount_owners, **owners})

    return with_container(facts, service, change)


CHECK = Check(
    id="stack.volume_owner",
    well="the services may write their data",
    reads=("containers",),
    judge=judge,
    sick=(
        Sick(
            what="data that root has copied while it runs",
            facts=lambda facts: _owned(facts, "alertmanager", (0, 0o755), kind="volume"),
            severity=Severity.WARNING,
            says="may not write",
        ),
        Sick(
            what="data of another user, and it does not start",
            facts=lambda facts: _owned(facts, "prometheus", (1000, 0o755), kind="volume", state="restarting"),
            severity=Severity.ERROR,
            says="belong to user 1000",
        ),
        Sick(
            what="a configuration that only root may read",
            facts=lambda facts: _owned(facts, "prometheus", (0, 0o600), kind="bind", state="exited"),
            severity=Severity.ERROR,
            says="may not read",
        ),
    ),
)
