"""What a service writes has room on the disk that its data are on.

Data on a disk of their own fill it unseen: the machine's other disks have room. On a full disk Prometheus throws every
new sample away, Grafana cannot save, Alertmanager forgets silences. Data on the engine's own disk are the matter of
`engine.disk`. Source: statvfs of the folder, as the container has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.domain.check import Check, Sick
from monops.domain.facts import Disk, Facts, Unknown, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.stack import service_of
from monops.domain.units import show_size

_MIB = 1 << 20
#: Prometheus's log grows by pieces of 128 MiB. Source: prometheus/prometheus, tsdb/wlog, DefaultSegmentSize.
_FULL, _LOW = 0.02, 0.1
_PIECE = 128 * _MIB


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each service whose disk is full, or nearly."""
    for service, disk in known(facts.data_disks).items():
        if disk.total <= 0 or _is_engines(disk, facts):
            continue
        is_full = disk.free_share < _FULL and disk.free < 10 * _PIECE
        if not is_full and disk.free_share >= _LOW:
            continue
        yield Finding(
            severity=Severity.ERROR if is_full else Severity.WARNING,
            subject=f"disk of {service}'s data",
            cause="it is full: what the service writes is lost" if is_full else "it is nearly full",
            evidence=(f"statvfs {disk.path}: {show_size(disk.free)} of {show_size(disk.total)} free",),
            fix=Fix(
                say="Make the disk larger, or let the service keep less.",
                command="monops retention show"
                if service == "prometheus"
                else f"docker exec {_name(service, facts)} df -h {disk.path}",
            ),
        )


def _name(service: str, facts: Facts) -> str:
    containers = () if isinstance(facts.containers, Unknown) else facts.containers
    return next((one.name for one in containers if service_of(one.container) == service), service)


def _is_engines(disk: Disk, facts: Facts) -> bool:
    """The same file system has the same size, and no other has to a byte."""
    engine = facts.engine_disk
    return not isinstance(engine, Unknown) and (engine.total, engine.kind) == (disk.total, disk.kind)


def _own(facts: Facts, free: int) -> Facts:
    disks = dict(known(facts.data_disks))
    return replace(
        facts, data_disks={**disks, "prometheus": replace(disks["prometheus"], total=1024 * _MIB, free=free)}
    )


CHECK = Check(
    id="storage.room",
    well="the disks that hold the data have room",
    reads=("data_disks",),
    looks_at=("containers", "engine_disk"),
    judge=judge,
    sick=(
        Sick(
            what="a disk of its own that is full",
            facts=lambda facts: _own(facts, _MIB),
            severity=Severity.ERROR,
            says="it is full",
        ),
        Sick(
            what="a disk of its own that is nearly full",
            facts=lambda facts: _own(facts, 60 * _MIB),
            severity=Severity.WARNING,
            says="nearly full",
        ),
    ),
)
