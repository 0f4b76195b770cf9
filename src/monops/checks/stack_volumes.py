"""Prometheus, Grafana and Alertmanager keep their data in volumes with a name.

Data in the container itself end with it, at the next change of its image. The images make a volume without a name where
the Compose file gives none: it is another one each time the container is made anew, and nobody finds the old one again.
Alertmanager's is forgotten most often: silences are lost, and notifications are sent twice.
Source: Mounts of `docker inspect`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from monops.checks._containers import data_mount, members, role
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.errors import VolumeMissing
from monops.domain.facts import Facts, SeenContainer
from monops.domain.finding import Finding, Fix, Severity

_NAMELESS = re.compile(r"[0-9a-f]{64}")
_LOST = {
    "prometheus": "its samples",
    "grafana": "its users and every dashboard made in it",
    "alertmanager": "its silences, and what it has notified of",
}


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each service whose data will be lost."""
    for one in members(facts):
        try:
            mount = data_mount(one)
        except VolumeMissing as error:
            yield _finding(one, "are in its container and end with it", error.message)
            continue
        if mount is not None and mount.type == "volume" and _NAMELESS.fullmatch(mount.name):
            yield _finding(
                one,
                "are in a volume without a name, which is another one when it is made anew",
                f"docker inspect: volume {mount.name[:12]}… at {mount.destination}",
            )


def _finding(one: SeenContainer, where: str, evidence: str) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        subject=f"container {one.name}",
        cause=f"{_LOST[role(one)]} {where}",
        evidence=(evidence,),
        fix=Fix(
            say=f"Back it up, then give {one.service} a volume with a name in the Compose file and restore into it.",
            command="monops backup",
        ),
    )


def _with_mounts(facts: Facts, name: str | None) -> Facts:
    def change(one: SeenContainer) -> SeenContainer:
        mounts = one.container.mounts
        left = tuple(
            replace(mount, name=name or mount.name)
            for mount in mounts
            if name is not None or mount.destination != "/alertmanager"
        )
        return changed(one, container={"mounts": left})

    return with_container(facts, "alertmanager", change)


CHECK = Check(
    id="stack.volumes",
    well="the data are in volumes with a name",
    reads=("containers",),
    judge=judge,
    sick=(
        Sick(
            what="a volume without a name",
            facts=lambda facts: _with_mounts(facts, "0123456789abcdef" * 4),
            severity=Severity.WARNING,
            says="volume without a name",
        ),
        Sick(
            what="no volume",
            facts=lambda facts: _with_mounts(facts, None),
            severity=Severity.WARNING,
            says="end with it",
        ),
    ),
)
