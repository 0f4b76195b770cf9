"""Makes small stores by hand, from folders, without the backup command."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from monops.domain import layout, tsdb
from monops.domain.manifest import GoldenAnswer, Manifest, ObjectRecord, SourceRecord, block_record, encode
from monops.domain.ports import Packing, Store
from monops.domain.tree import Entry, Kind
from monops.edges.codec import StreamCodec
from monops.edges.directory_store import DirectoryStore
from monops.edges.local_files import LocalFileSystem
from monops.edges.local_tree import LocalTree
from monops.ops.pack import Pack, pack_to

SNAPSHOT = "20261123T010203Z-test-0001"


def write_block(root: Path, number: int, *, samples: int = 100, content: bytes = b"chunks", hours: int = 2) -> str:
    """A folder that is shaped like a TSDB block; no server would read it. Its ULID."""
    ulid = f"01K{number:023d}"
    (root / ulid / "chunks").mkdir(parents=True)
    (root / ulid / "chunks/000001").write_bytes(content)
    (root / ulid / "index").write_bytes(b"index of " + ulid.encode())
    (root / ulid / "tombstones").write_bytes(b"none")
    span = hours * 3_600_000
    meta = {
        "ulid": ulid,
        "minTime": number * span,
        "maxTime": (number + 1) * span,
        "stats": {"numSamples": samples, "numSeries": 10, "numChunks": 10},
        "compaction": {"level": 1, "sources": [ulid]},
        "version": 1,
    }
    (root / ulid / "meta.json").write_text(json.dumps(meta))
    return ulid


class StoreBuilder:
    """A store in a folder, with one snapshot of the sources that were added."""

    def __init__(self, path: Path, *, packing: Packing | None = None) -> None:
        self.store: Store = DirectoryStore(str(path))
        self.store.prepare()
        self.store.put(layout.MARKER, json.dumps({"format": layout.FORMAT, "id": "test"}).encode())
        self._packing = packing or Packing()
        self._objects: list[ObjectRecord] = []
        self._sources: list[SourceRecord] = []

    def add(
        self,
        name: str,
        folder: Path,
        *,
        golden: Sequence[GoldenAnswer] = (),
        retention: str = "",
        groups: Mapping[str, Callable[[Entry], bool]] | None = None,
    ) -> SourceRecord:
        """Store everything in `folder` as source `name`; blocks of Prometheus as in format 1."""
        tree = LocalTree(str(folder))
        entries = tree.walk()
        blocks = tsdb.group_blocks(entries) if name == "prometheus" else ()
        keys: list[str] = []
        records = []
        for block in blocks:
            key = self._store(tree, name, block.ulid + "-00000000", (*block.directories, *block.immutable))
            meta = tsdb.parse_block(block.ulid, (folder / block.ulid / "meta.json").read_bytes())
            records.append(block_record(meta, key))
            keys.append(key)
        if blocks:
            mutable = [e for block in blocks for e in (*_tops(block.directories), *block.mutable)]
            keys.append(self._store(tree, name, f"{SNAPSHOT}-meta", mutable))
        ulids = {block.ulid for block in blocks}
        rest = [e for e in entries if e.path.split("/")[0] not in ulids]
        for suffix, belongs in (groups or {"": lambda _: True}).items():
            chosen = [e for e in rest if belongs(e)]
            if chosen:
                keys.append(self._store(tree, name, SNAPSHOT + suffix, chosen))
        root = tree.root()
        source = SourceRecord(
            name=name,
            capture="snapshot",
            reach="directory",
            place=str(folder),
            objects=tuple(keys),
            uid=root.uid,
            gid=root.gid,
            mode=f"{root.mode:04o}",
            retention=retention,
            blocks=tuple(records),
            golden=tuple(golden),
        )
        self._sources.append(source)
        return source

    def finish(self, *, failed: Iterable[str] = ()) -> Manifest:
        """Write the manifest; the snapshot is there."""
        manifest = Manifest(
            format=layout.FORMAT,
            id=SNAPSHOT,
            taken_at="2026-11-23T01:02:03+00:00",
            host="test",
            monops="0",
            project="",
            sources=tuple(self._sources),
            objects=tuple(self._objects),
            failed=tuple(failed),
        )
        self.store.put(layout.manifest_key(SNAPSHOT), encode(manifest))
        return manifest

    def _store(self, tree: LocalTree, source: str, name: str, entries: Sequence[Entry]) -> str:
        key = layout.object_key(source, name, self._packing.suffix)
        pack = Pack(name=name, entries=tuple(entries), tree=tree)
        with self.store.write(key, at_most=1 << 30) as writer:
            packed = pack_to(writer, pack, StreamCodec(), self._packing, open_file=LocalFileSystem().open, tick=_ignore)
        self._objects.append(
            ObjectRecord(
                key=key,
                sha256=packed.sha256,
                bytes_stored=packed.bytes_stored,
                bytes_inside=packed.bytes_inside,
                files=packed.files,
            )
        )
        return key


def damage(path: Path, *, at: int | None = None) -> None:
    """Flip one bit of a stored object."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 1
    path.write_bytes(data)


def tree_of(root: Path) -> dict[str, tuple[Entry, str]]:
    """Everything in a folder with owner, mode, time and content, to compare."""
    return {
        e.path: (e, hashlib.sha256((root / e.path).read_bytes()).hexdigest() if e.kind is Kind.FILE else "")
        for e in LocalTree(str(root)).walk()
    }


def reader_of(data: bytes) -> io.BytesIO:
    return io.BytesIO(data)


def _tops(directories: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in directories if "/" not in entry.path]


def _ignore(size: int) -> None:
    del size
