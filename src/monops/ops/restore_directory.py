"""Restore a snapshot's sources into a folder: `DIR/<source>`, whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from monops.domain.errors import NotFound, Refused
from monops.domain.manifest import Manifest, ObjectRecord, SourceRecord
from monops.domain.nearest import did_you_mean, listed
from monops.domain.ports import Folders, Reader, Store
from monops.domain.units import show_size
from monops.ops.outside import Outside
from monops.ops.unpack import opened, unpack_all

#: Behind the name of a folder that is not complete.
_PARTIAL = ".partial"
#: Bytes that a file costs beyond its content: its last block and its inode.
_FILE_COST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredSource:
    """One source, restored."""

    name: str
    path: str
    objects: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What `monops restore` did."""

    snapshot: str
    sources: tuple[str, ...]
    #: Bytes of the restored files.
    bytes: int
    seconds: float
    restored: tuple[RestoredSource, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where restored data come from."""

    store: Store
    manifest: Manifest
    #: age identities, for encrypted objects.
    identities: tuple[str, ...] = ()


def restore_directory(
    origin: Origin, names: Sequence[str], target: str, folders: Folders, outside: Outside
) -> Restored:
    """Every source of `names` (all of the snapshot's for none) is in `target/<source>`, with owners as captured.

    Raises Refused where something is there already or space is short, before anything is written; Damaged and
    whatever the destination raises. A source that fails leaves nothing; sources that are complete stay.
    """
    begun = outside.clock.monotonic()
    sources = chosen_sources(origin.manifest, names)
    _check_targets(sources, target, folders, outside)
    check_space(space_needed(origin.manifest, sources), folders.free_bytes(target), target)
    done = [_restore_one(origin, source, target, folders, outside) for source in sources]
    warnings = tuple(w for source in sources for w in source.warnings)
    if origin.manifest.failed and not names:
        warnings += (f"the snapshot is without {listed(origin.manifest.failed)}: its backup had failed",)
    return Restored(
        snapshot=origin.manifest.id,
        sources=tuple(source.name for source in sources),
        bytes=sum(one.bytes for one in done),
        seconds=round(outside.clock.monotonic() - begun, 3),
        restored=tuple(done),
        warnings=warnings,
    )


def chosen_sources(manifest: Manifest, names: Sequence[str]) -> tuple[SourceRecord, ...]:
    """The sources of `manifest` that are asked for; all for none. Raises NotFound."""
    there = {source.name: source for source in manifest.sources}
    for name in names:
        if name not in there:
            raise NotFound(
                f"snapshot {manifest.id} has no source {name!r}, only {listed(there)}.{did_you_mean(name, there)}",
                remedy="monops snapshots",
            )
    return tuple(there[name] for name in dict.fromkeys(names or there))


def records_of(manifest: Manifest, source: SourceRecord) -> tuple[ObjectRecord, ...]:
    """The objects of one source."""
    by_key = {record.key: record for record in manifest.objects}
    return tuple(by_key[key] for key in source.objects)


def space_needed(manifest: Manifest, sources: Sequence[SourceRecord]) -> int:
    """Bytes that the sources will take on a disk."""
    records = [record for source in sources for record in records_of(manifest, source)]
    return sum(record.bytes_inside + record.files * _FILE_COST for record in records)


def check_space(needed: int, free: int | None, place: str) -> None:
    """Raises Refused where `needed` bytes do not fit."""
    if free is not None and free < needed:
        raise Refused(
            f"{place} has {show_size(free)} free, the restored data need {show_size(needed)}",
            remedy=f"free {show_size(needed - free)} there, or restore to another disk: "
            "monops restore SNAPSHOT --to-dir DIR",
        )


def opener(origin: Origin, outside: Outside) -> Callable[[ObjectRecord], AbstractContextManager[Reader]]:
    """Opens objects of `origin` and tells the progress of their stored bytes, from any thread."""
    lock = threading.Lock()

    def tick(size: int) -> None:
        with lock:
            outside.progress.advance(size)

    return lambda record: opened(origin.store, outside.codec, record, origin.identities, tick=tick)


def _check_targets(sources: Sequence[SourceRecord], target: str, folders: Folders, outside: Outside) -> None:
    taken = [f"{target}/{source.name}" for source in sources if not folders.is_empty(f"{target}/{source.name}")]
    if taken:
        raise Refused(
            f"there is something already in {listed(taken)}",
            remedy=f"name another folder, or move it away: mv {taken[0]} {taken[0]}.old",
        )
    for source in sources:
        if folders.exists(f"{target}/{source.name}{_PARTIAL}"):
            outside.progress.say(f"replacing {target}/{source.name}{_PARTIAL}, left by an interrupted restore")


def _restore_one(
    origin: Origin, source: SourceRecord, target: str, folders: Folders, outside: Outside
) -> RestoredSource:
    records = records_of(origin.manifest, source)
    final = f"{target}/{source.name}"
    stored = sum(record.bytes_stored for record in records)
    outside.progress.step(f"restoring {source.name}", stored)
    with _all_or_nothing(folders, final) as partial:
        writer = folders.create(partial)
        size = unpack_all(records, opener(origin, outside), writer, "", threads=outside.machine.cpus)
        writer.own("", uid=source.uid, gid=source.gid, mode=int(source.mode, 8))
        # Not flushed to the disk, as tar does not: the snapshot is still there. In place, it is flushed.
    return RestoredSource(
        name=source.name, path=final, objects=len(records), files=sum(r.files for r in records), bytes=size
    )


@contextmanager
def _all_or_nothing(folders: Folders, final: str) -> Iterator[str]:
    """A folder that becomes `final` when left, and nothing when left by an exception."""
    partial = final + _PARTIAL
    folders.remove(partial)
    try:
        yield partial
        folders.rename(partial, final)
    except BaseException:
        folders.remove(partial)
        raise
