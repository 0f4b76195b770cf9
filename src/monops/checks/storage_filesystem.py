"""Prometheus keeps its data on a disk of this machine.

Its storage needs a local file system with POSIX semantics. On NFS and other network file systems, and on those that a
virtual machine shares with its host, data get damaged sooner or later, and Prometheus says so in its log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._data import data_disk, data_path, on_disk
from monops.checks._healthy import changed, with_container
from monops.checks._prometheus import with_flag
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer, known
from monops.domain.finding import Finding, Severity
from monops.domain.scrape_scene import prometheus_of

#: Names of the kernel. Source: prometheus.io, storage page ("non-POSIX compliant filesystems are not supported").
_NETWORK = ("nfs", "cifs", "smb", "9p", "fuse", "ceph", "gluster", "lustre", "afs", "virtiofs", "vboxsf")
_SAID = "This filesystem is not supported"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding where it is on a network file system, by the disk or by what Prometheus says."""
    one = prometheus_of(known(facts.containers))
    if one is None:
        return
    said = next((line for line in one.log if _SAID in line), "")
    if said:
        yield _finding(
            one, "Prometheus says that its file system is not supported", f"docker logs {one.name}: {said[:200]}"
        )
    elif (disk := data_disk(one, facts)).kind.lower().startswith(_NETWORK):
        yield _finding(one, f"its data are on {disk.kind}, where they get damaged", f"{disk.path}: {disk.kind}")


def _finding(one: SeenContainer, cause: str, evidence: str) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        subject=f"container {one.name}",
        cause=cause,
        evidence=(evidence, f"docker inspect {one.name}: data in {data_path(one)}"),
        fix=with_flag("Put its data into a named volume on a local disk, in the Compose file; take a backup first."),
    )


CHECK = Check(
    id="storage.filesystem",
    well="its data are on a local disk",
    reads=("containers",),
    looks_at=("data_disks", "engine_disk"),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(
            what="volumes on NFS",
            facts=lambda facts: on_disk(replace(known(facts.engine_disk), kind="nfs4"), facts),
            severity=Severity.WARNING,
            says="on nfs4",
        ),
        Sick(
            what="a file system that Prometheus complains about",
            facts=lambda facts: with_container(
                facts,
                "prometheus",
                lambda one: changed(one, log=(f'level=WARN msg="{_SAID} and may lead to data corruption"',)),
            ),
            severity=Severity.WARNING,
            says="not supported",
        ),
    ),
)
