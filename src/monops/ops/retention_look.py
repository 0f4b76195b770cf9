"""What Prometheus's data take now, how fast they grow, and which blocks another retention would delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monops.domain.errors import MonopsError
from monops.domain.place import Place
from monops.domain.ports import Container, Prometheus, Tree
from monops.domain.retention import Usage
from monops.domain.stack import Stack, data_place
from monops.domain.tsdb import Block, group_blocks, parse_block
from monops.domain.units import show_size
from monops.ops.workshop import Workshop

_BLOCKS = "prometheus_tsdb_storage_blocks_bytes"
_LOG = "prometheus_tsdb_wal_storage_size_bytes + prometheus_tsdb_head_chunks_storage_size_bytes"
_APPENDED = "prometheus_tsdb_head_samples_appended_total"
#: Over the longest of these that the data cover: `rate` divides by the whole window, however little there is in it.
_RATES = tuple(
    f"sum(rate({_APPENDED}[{span}])) and on() sum({_APPENDED} offset {span})" for span in ("1h", "10m", "1m")
)
_KEEP = "to keep a copy: --backup, or before this: monops backup prometheus"


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedBlock:
    """A block on disk."""

    block: Block
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found."""

    usage: Usage
    #: Oldest first; None where the volume could not be read.
    blocks: tuple[SizedBlock, ...] | None
    #: What could not be found out, and why.
    unknown: tuple[str, ...]


def look(shop: Workshop, container: Container, prometheus: Prometheus) -> Look:
    """Nothing that cannot be found out is guessed."""
    unknown: list[str] = []
    blocks, log = None, None
    disk: tuple[int | None, int | None] = (None, None)
    try:
        place = _place(container)
        with shop.outside.volumes.tree(place) as tree:
            blocks, log = _blocks(tree), _log(tree)
            path = tree.local_path("")
        disk = (shop.files.disk(path) if path else None) or disk
        if disk[0] is None:
            with shop.outside.volumes.writer(place) as writer:
                disk = (writer.free_bytes(), None)
    except MonopsError as error:
        unknown.append(f"the volume could not be read: {error.message}")
    now = shop.outside.clock.now().timestamp()
    if blocks is None:
        on_disk, log = _asked(prometheus, _BLOCKS, now), _asked(prometheus, _LOG, now)
    else:
        on_disk = float(sum(one.size for one in blocks))
    rate = measured_rate(prometheus, now)
    if rate is None and blocks:
        rate = _rate_of(blocks)
    if rate is None:
        unknown.append(
            "how many samples come in is not known: Prometheus does not scrape itself, or has done so for less than a "
            "minute, and has no block yet"
        )
    usage = Usage(
        blocks=None if on_disk is None else int(on_disk),
        log=None if log is None else int(log),
        samples_a_second=rate,
        bytes_a_sample=_bytes_a_sample(blocks or ()),
        free=disk[0],
        total=disk[1],
    )
    return Look(usage=usage, blocks=blocks, unknown=tuple(unknown))


def measured_rate(prometheus: Prometheus, now: float) -> float | None:
    """Samples a second; None where its own metrics do not tell."""
    return next((found for query in _RATES if (found := _asked(prometheus, query, now))), None)


def doomed(
    blocks: Sequence[SizedBlock], kept: Mapping[str, str], now: datetime, *, log: int = 0
) -> tuple[SizedBlock, ...]:
    """The blocks that a retention deletes, now or within about three hours; oldest first. `kept` as `canonical`.

    The size is that of the blocks and of `log`, the bytes of the write-ahead log and the head's chunks. Time is
    measured from the newest block's end, which moves with each new block, so as if that were now.
    Source: prometheus/tsdb/db.go, BeyondTimeRetention and BeyondSizeRetention.
    """
    gone: set[str] = set()
    newest = max((one.block.max_time for one in blocks), default=0)
    if kept.get("time", "").isdigit():
        reach = max(newest, int((now - timedelta(hours=3)).timestamp() * 1000)) - int(kept["time"]) * 1000
        gone |= {one.block.ulid for one in blocks if one.block.max_time <= reach}
    if kept.get("size"):
        total = log
        for one in sorted(blocks, key=lambda one: -one.block.max_time):
            total += one.size
            if total > int(kept["size"]):
                gone.add(one.block.ulid)
    return tuple(one for one in blocks if one.block.ulid in gone)


def deletions(found: Look, kept: Mapping[str, str], wanted: Mapping[str, str], now: datetime) -> tuple[str, ...]:
    """What to say of the blocks that go with `wanted` and would not with `kept`; empty where none goes."""
    if found.blocks is None:
        return ("which blocks would be deleted could not be found out: the volume cannot be read", _KEEP)
    log = found.usage.log or 0
    already = {one.block.ulid for one in doomed(found.blocks, kept, now, log=log)}
    gone = [one for one in doomed(found.blocks, wanted, now, log=log) if one.block.ulid not in already]
    return (deletion_warning(gone, found.blocks), _KEEP) if gone else ()


def deletion_warning(gone: Sequence[SizedBlock], everything: Sequence[SizedBlock]) -> str:
    """Which data go for good."""
    first = _day(min(one.block.min_time for one in gone))
    until = _day(max(one.block.max_time for one in gone))
    size, samples = sum(one.size for one in gone), sum(one.block.samples for one in gone)
    return (
        f"Prometheus deletes {len(gone)} of {len(everything)} blocks for good: {first} to {until} UTC, "
        f"{show_size(size)}, {samples:,} samples"
    )


def _place(container: Container) -> Place:
    return data_place("prometheus", container, Stack(project=container.project, services={}, containers=(container,)))


def _blocks(tree: Tree) -> tuple[SizedBlock, ...]:
    files = [one for one in group_blocks(tree.walk()) if one.is_complete]
    sizes = {one.ulid: one.size + sum(entry.size for entry in one.mutable) for one in files}
    metas = {entry.path: one.ulid for one in files for entry in one.mutable if entry.path.endswith("/meta.json")}
    found = []
    wanted = [entry for one in files for entry in one.mutable if entry.path in metas]
    for entry, reader in tree.read(wanted):
        with suppress(MonopsError):
            ulid = metas[entry.path]
            found.append(SizedBlock(block=parse_block(ulid, _whole(reader)), size=sizes[ulid]))
    return tuple(sorted(found, key=lambda one: one.block.min_time))


def _whole(reader: object) -> bytes:
    parts = []
    while part := reader.read(1 << 16):  # type: ignore[attr-defined]
        parts.append(part)
    return b"".join(parts)


def _log(tree: Tree) -> float:
    return float(sum(entry.size for name in ("wal", "chunks_head") for entry in tree.walk(name)))


def _asked(prometheus: Prometheus, query: str, now: float) -> float | None:
    with suppress(MonopsError):
        rows = [value for _, value in prometheus.query(query, now)]
        return max(rows) if rows else None
    return None


def _rate_of(blocks: Sequence[SizedBlock]) -> float | None:
    newest = max(blocks, key=lambda one: one.block.max_time).block
    span = (newest.max_time - newest.min_time) / 1000
    return newest.samples / span if span > 0 else None


def _bytes_a_sample(blocks: Sequence[SizedBlock]) -> float | None:
    samples = sum(one.block.samples for one in blocks)
    return sum(one.size for one in blocks) / samples if samples else None


def _day(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M}"
