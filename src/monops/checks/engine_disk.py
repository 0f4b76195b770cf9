"""The disk that holds images, volumes and logs has room.

On a full disk Prometheus stops taking samples, Grafana's database can be damaged, and containers do not start. monops
warns below 15 % (unless that is still more than 100 GiB) and below 2 GiB, which is what one image and one compaction of
Prometheus can take at once. Never remove volumes to make room: that is where the data are.
Source: statvfs of the engine's root folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.domain.check import Check, Sick
from monops.domain.facts import Disk, Facts, known
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.units import show_size

_GIB = 1 << 30
_MIB = 1 << 20


def judge(facts: Facts) -> Iterator[Finding]:
    """At most one finding."""
    disk = known(facts.engine_disk)
    if disk.total <= 0:
        return
    is_full = disk.free < 200 * _MIB or (disk.free_share < 0.01 and disk.free < 5 * _GIB)
    is_low = disk.free < 2 * _GIB or (disk.free_share < 0.15 and disk.free < 100 * _GIB)
    if not (is_full or is_low):
        return
    yield Finding(
        severity=Severity.ERROR if is_full else Severity.WARNING,
        subject=f"disk of {disk.path}",
        cause="it is full: samples, dashboards and logs can no longer be written"
        if is_full
        else "it is nearly full: Prometheus stops taking samples when it is",
        evidence=(f"statvfs: {show_size(disk.free)} of {show_size(disk.total)} free ({disk.free_share:.1%})",),
        fix=Fix(
            say="Remove the images and the build cache that nothing uses, never volumes.",
            command="docker image prune; docker builder prune",
            risk=Risk.DESTROYS,
        ),
    )


def _left(facts: Facts, free: int) -> Facts:
    disk = known(facts.engine_disk)
    return replace(facts, engine_disk=Disk(path=disk.path, total=disk.total, free=free, kind=disk.kind))


CHECK = Check(
    id="engine.disk",
    well="the disk of images and volumes has room",
    reads=("engine_disk",),
    judge=judge,
    sick=(
        Sick(
            what="a disk with a tenth left",
            facts=lambda facts: _left(facts, 10 * _GIB),
            severity=Severity.WARNING,
            says="nearly full",
        ),
        Sick(
            what="a disk with nothing left",
            facts=lambda facts: _left(facts, 0),
            severity=Severity.ERROR,
            says="it is full",
        ),
    ),
)
