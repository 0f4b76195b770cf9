"""Prometheus's blocks: what a `meta.json` says, which files of a block never change.

Source: prometheus/tsdb/docs/format/README.md and `tsdb/block.go` (BlockMeta).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from monops.domain.errors import CaptureError
from monops.domain.layout import ULID
from monops.domain.tree import Entry, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of a TSDB. Times are milliseconds since the epoch, half open."""

    ulid: str
    min_time: int
    max_time: int
    level: int
    samples: int
    series: int
    chunks: int
    parents: tuple[str, ...] = ()


def parse_block(ulid: str, meta: bytes) -> Block:
    """The block that a `meta.json` describes. Raises CaptureError if it is not one."""
    try:
        found = json.loads(meta)
        stats = found.get("stats", {})
        compaction = found.get("compaction", {})
        return Block(
            ulid=str(found["ulid"]),
            min_time=int(found["minTime"]),
            max_time=int(found["maxTime"]),
            level=int(compaction.get("level", 1)),
            samples=int(stats.get("numSamples", 0)),
            series=int(stats.get("numSeries", 0)),
            chunks=int(stats.get("numChunks", 0)),
            parents=tuple(str(p["ulid"]) for p in compaction.get("parents") or ()),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise CaptureError(
            f"meta.json of block {ulid} cannot be read ({error})",
            remedy="look at the Prometheus log for 'Skipping corrupt block', then move that block's folder away",
        ) from error


def is_immutable(path_in_block: str) -> bool:
    """Whether a file of a block never changes: `index` and `chunks/*`; `meta.json` and `tombstones` do."""
    return path_in_block == "index" or path_in_block.startswith("chunks/")


@dataclass(frozen=True, slots=True)
class BlockFiles:
    """The files of one block, with paths relative to the data root."""

    ulid: str
    directories: tuple[Entry, ...]
    immutable: tuple[Entry, ...]
    mutable: tuple[Entry, ...]

    @property
    def size(self) -> int:
        """Bytes in the files that never change."""
        return sum(entry.size for entry in self.immutable)

    @property
    def is_complete(self) -> bool:
        """Whether index and meta.json are there: anything less is a block being written or deleted."""
        names = {entry.path.split("/", 1)[1] for entry in (*self.immutable, *self.mutable)}
        return "index" in names and "meta.json" in names


def group_blocks(entries: tuple[Entry, ...]) -> tuple[BlockFiles, ...]:
    """The blocks among the entries of a data directory (or of a snapshot in it), by ULID."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        ulid, slash, _ = entry.path.partition("/")
        # A file at the top may bear such a name; a block is a folder.
        if ULID.match(ulid) and (slash or entry.kind is Kind.DIRECTORY):
            found.setdefault(ulid, []).append(entry)
    blocks = []
    for ulid, members in sorted(found.items()):
        files = [e for e in members if e.kind is Kind.FILE]
        inner = {e.path: e.path.split("/", 1)[1] for e in files}
        blocks.append(
            BlockFiles(
                ulid=ulid,
                directories=tuple(e for e in members if e.kind is Kind.DIRECTORY),
                immutable=tuple(e for e in files if is_immutable(inner[e.path])),
                mutable=tuple(e for e in files if inner[e.path] in ("meta.json", "tombstones")),
            )
        )
    return tuple(blocks)
