"""Write the data to be beside the data that are, and prove them there before anything is disturbed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from monops.domain.errors import Damaged, Refused
from monops.domain.manifest import ObjectRecord, SourceRecord
from monops.domain.ports import Reader, VolumeWriter
from monops.domain.tar_stream import TarStream, end_of_archive, padding
from monops.domain.tree import Entry, Kind
from monops.ops.restore_in_place.state import NEW
from monops.ops.unpack import Opened, unpack_all

#: Files of a restored Grafana that must not be there, or that it makes anew. A leftover write-ahead log would be
#: replayed into the restored database. Source: sqlite.org, "How To Corrupt An SQLite Database File", §1.4.
_DERIVED = {"grafana": ("grafana.db-wal", "grafana.db-shm", "grafana.db-journal", "unified-search")}
_LARGEST_META = 16 << 20


@dataclass(slots=True)
class Seen:
    """What went by in the streams."""

    entries: dict[str, Entry] = field(default_factory=dict)
    #: The content of every block's meta.json, by path.
    metas: dict[str, bytes] = field(default_factory=dict)


def stage(
    writer: VolumeWriter,
    source: SourceRecord,
    records: Sequence[ObjectRecord],
    open_object: Opened,
    *,
    threads: int,
) -> tuple[tuple[str, ...], int]:
    """The source is in `new/`, durable and checked; its top-level names and its bytes.

    Raises Damaged where an object, or what came to lie in the volume, is not what the manifest says.
    """
    seen = Seen()

    @contextmanager
    def recording(record: ObjectRecord) -> Iterator[Reader]:
        with open_object(record) as tar:
            yield _Recorded(tar, seen)

    writer.make(NEW)
    size = unpack_all(records, recording, writer, NEW, threads=threads)
    derived = _DERIVED.get(source.name, ())
    writer.remove([f"{NEW}/{name}" for name in derived])
    writer.flush()
    wanted = {path: e for path, e in seen.entries.items() if path.split("/", 1)[0] not in derived}
    faults = staging_faults(source, wanted, seen.metas, writer.listing(NEW))
    if faults:
        raise Damaged(
            f"{source.name} came to {writer.place} incomplete: {faults[0]}",
            remedy="monops verify --level read; check the disk: dmesg",
        )
    names = writer.names(NEW)
    # An Alertmanager that has run for less than a quarter of an hour has written nothing yet.
    if not names and source.name != "alertmanager":
        raise Refused(
            f"the snapshot holds nothing of {source.name}", remedy="choose another snapshot: monops snapshots"
        )
    return names, size


def staging_faults(
    source: SourceRecord, wanted: Mapping[str, Entry], metas: Mapping[str, bytes], found: Iterable[Entry]
) -> tuple[str, ...]:
    """What is wrong with what lies in `new/`, in sentences; () for nothing. `found` has paths below `new/`."""
    there = {entry.path.removeprefix(NEW + "/"): entry for entry in found}
    faults = []
    for path, entry in wanted.items():
        lies = there.get(path)
        if lies is None or lies.kind is not entry.kind:
            faults.append(f"{path} is missing")
        elif entry.kind is Kind.FILE and lies.size != entry.size:
            faults.append(f"{path} has {lies.size} of {entry.size} bytes")
    samples = 0
    for block in source.blocks:
        faults += [
            f"block {block.ulid} has no {name}"
            for name in ("index", "meta.json")
            if f"{block.ulid}/{name}" not in there
        ]
        if block.chunks and not any(path.startswith(f"{block.ulid}/chunks/") for path in there):
            faults.append(f"block {block.ulid} has no chunks")
        samples += _samples(metas.get(f"{block.ulid}/meta.json", b""))
    expected = sum(block.samples for block in source.blocks)
    if not faults and samples != expected:
        faults.append(f"its blocks hold {samples} samples, the manifest says {expected}")
    return tuple(faults)


def _samples(meta: bytes) -> int:
    try:
        return int(json.loads(meta)["stats"]["numSamples"])
    except (ValueError, KeyError, TypeError):
        return 0


class _Recorded:
    """A tar stream that notes its members while another reads it."""

    def __init__(self, source: Reader, seen: Seen) -> None:
        self._pieces = self._run(TarStream(source), seen)
        self._held = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._held = memoryview(piece)
        taken = self._held if size < 0 else self._held[:size]
        self._held = self._held[len(taken) :]
        return bytes(taken)

    def _run(self, stream: TarStream, seen: Seen) -> Iterator[bytes | memoryview]:
        written = 0
        for member in stream:
            entry = member.entry
            seen.entries[entry.path] = entry
            yield member.header
            if entry.path.endswith("/meta.json") and entry.size <= _LARGEST_META:
                content = b"".join(bytes(piece) for piece in stream.content())
                seen.metas[entry.path] = content
                yield content
            else:
                yield from stream.content()
            yield padding(entry.size)
            written += len(member.header) + entry.size + len(padding(entry.size))
        yield end_of_archive(written)
