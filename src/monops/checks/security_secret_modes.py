"""Files with secrets can be read by their service alone.

A secret that Compose mounts from a file keeps the file's owner and mode: where all may read it, every user and every
program of the machine can. Give it to the user that the container runs as, and to nobody else.
Source: stat of what is mounted below /run/secrets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._containers import members
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.ports import Mount
from monops.domain.rebuild import is_secret_file


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each file."""
    told = set()
    for one in members(facts):
        user = one.container.user.partition(":")[0] or "0"
        for mount in one.container.mounts:
            _, mode = one.mount_owners.get(mount.source, (0, 0))
            # A folder that all may read, all may go through as well; what is in it is not known here.
            is_open_file = mode & 0o004 and not mode & 0o111
            if not (is_open_file and _is_secret(mount)) or mount.source in told:
                continue
            told.add(mount.source)
            yield Finding(
                severity=Severity.WARNING,
                subject=f"file {mount.source}",
                cause=f"every user of the machine can read this secret of {one.service}",
                evidence=(f"stat {mount.source}: mode {mode:04o}; mounted at {mount.destination} in {one.name}",),
                fix=Fix(
                    say=f"Give it to the user of {one.service} alone.",
                    command=f"sudo chown {user} '{mount.source}'; sudo chmod 600 '{mount.source}'",
                    risk=Risk.SAFE,
                ),
            )


def _is_secret(mount: Mount) -> bool:
    return mount.type == "bind" and (mount.destination.startswith("/run/secrets/") or is_secret_file(mount.source))


def _with_file(facts: Facts) -> Facts:
    source = "/srv/monitoring/secrets/grafana/admin-password"
    mount = Mount(type="bind", name="", source=source, destination="/run/secrets/admin-password", writable=False)

    def change(one: SeenContainer) -> SeenContainer:
        mounted = changed(one, container={"mounts": (*one.container.mounts, mount)})
        return replace(mounted, mount_owners={**one.mount_owners, source: (0, 0o644)})

    return with_container(facts, "grafana", change)


CHECK = Check(
    id="security.secret_modes",
    well="secrets can be read by their services alone",
    reads=("containers",),
    judge=judge,
    sick=(
        Sick(
            what="a password that all may read",
            facts=_with_file,
            severity=Severity.WARNING,
            says="every user of the machine can read",
        ),
    ),
)
