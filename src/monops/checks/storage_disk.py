"""The disk has room for what Prometheus will keep.

A full disk stops Prometheus from writing, and what it could not write is lost. From the samples that come in and the
retention follows how much it will keep; a limit by size protects the disk, if the disk has that much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from monops.checks._data import data_disk, on_disk
from monops.checks._prometheus import SUBJECT, age, answers, highest
from monops.domain.check import Check, Sick
from monops.domain.facts import Disk, Facts, Runtime, known
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.scrape_scene import prometheus_of
from monops.domain.units import parse_duration, parse_size, show_duration, show_size

USED = (
    "prometheus_tsdb_storage_blocks_bytes + prometheus_tsdb_wal_storage_size_bytes"
    " + prometheus_tsdb_head_chunks_storage_size_bytes"
)
SAMPLES = "sum without (type) (rate(prometheus_tsdb_head_samples_appended_total[1h]))"
#: Source: prometheus.io, storage page: "an average of only 1-2 bytes per sample".
_BYTES_A_SAMPLE = 2.0
#: Younger, and the rate is that of a start.
_SETTLED = timedelta(minutes=30)
_GIB = 1 << 30


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding where it will not fit."""
    one = prometheus_of(known(facts.containers))
    found = highest(facts, (USED, SAMPLES))
    if one is None or age(facts) < _SETTLED.total_seconds():
        return
    disk = data_disk(one, facts)
    time, size = _retention(known(facts.prometheus_runtime))
    daily = found[SAMPLES] * _BYTES_A_SAMPLE * 86400
    wanted = daily * (time / timedelta(days=1)) if time is not None else float("inf")
    if daily <= 0:
        return
    kept = min(wanted, size or float("inf"))
    if kept - found[USED] <= disk.free:
        return
    days = (disk.free / daily) if daily else 0.0
    advised = max(int((disk.free + found[USED]) * 0.8 / _GIB), 1)
    until = show_duration(timedelta(days=min(days, 9999)))
    by = f"its limit of {show_size(size)} is more than the disk has" if size else "nothing limits it by size"
    yield Finding(
        severity=Severity.WARNING,
        subject=SUBJECT,
        cause=f"in about {until} it fills the disk: it grows by {show_size(daily)} a day, and {by}",
        evidence=(
            f"{disk.path}: {show_size(disk.free)} of {show_size(disk.total)} free",
            f"{show_size(found[USED])} in use; retention {known(facts.prometheus_runtime).retention}",
            f"{found[SAMPLES]:.0f} samples a second, {_BYTES_A_SAMPLE:g} bytes each",
        ),
        fix=Fix(
            say=f"Let it keep {advised} GB at most.",
            command=f"monops retention set --size {advised}GB",
            risk=Risk.INTERRUPTS,
        ),
    )


def _retention(runtime: Runtime) -> tuple[timedelta | None, int]:
    """(how long, how much): `15d or 10GiB`."""
    time, size = None, 0
    for part in runtime.retention.split(" or "):
        try:
            size = parse_size(part) if part.strip().upper().endswith("B") else size
            time = time if part.strip().upper().endswith("B") else parse_duration(part)
        except ValueError:
            continue
    return time, size


def _filling(facts: Facts, retention: str) -> Facts:
    runtime = replace(known(facts.prometheus_runtime), retention=retention)
    disk = Disk(path="/var/lib/docker", total=40 * _GIB, free=20 * _GIB, kind="ext4")
    return answers({SAMPLES: 100_000, USED: 2 * _GIB}, on_disk(disk, replace(facts, prometheus_runtime=runtime)))


CHECK = Check(
    id="storage.disk",
    well="the disk has room for what it will keep",
    reads=("containers", "prometheus_runtime"),
    looks_at=("data_disks", "engine_disk"),
    queries=(USED, SAMPLES),
    judge=judge,
    needs=("prometheus",),
    healthy=lambda facts: answers({USED: _GIB, SAMPLES: 800}, facts),
    sick=(
        Sick(
            what="no limit by size",
            facts=lambda facts: _filling(facts, "30d"),
            severity=Severity.WARNING,
            says="nothing limits it by size",
        ),
        Sick(
            what="a limit that is larger than the disk",
            facts=lambda facts: _filling(facts, "30d or 50GiB"),
            severity=Severity.WARNING,
            says="more than the disk has",
        ),
    ),
)
