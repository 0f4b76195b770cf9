"""Runs a backup of a `BackupWorld`, and looks at what it stored."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

from tests.fakes.backup_world import BackupWorld
from tests.fakes.memory_store import MemoryStore

from monops.domain.manifest import Manifest, decode
from monops.domain.ports import Packing
from monops.edges.codec import StreamCodec
from monops.ops.backup import BackupReport, RunReport, SourceReport, backup
from monops.ops.sources import Selection


def run(world: BackupWorld, *stores: MemoryStore, packing: Packing | None = None, **selection: object) -> BackupReport:
    chosen = replace(Selection(names=("prometheus", "grafana", "alertmanager")), **selection)  # type: ignore[arg-type]  # its own fields
    return backup(world.outside(), chosen, stores, packing or Packing())


def manifest_of(store: MemoryStore, snapshot: str | None) -> Manifest:
    assert snapshot is not None
    return decode(store.objects[f"snapshots/{snapshot}.json"], snapshot)


def source(report: RunReport, name: str) -> SourceReport:
    return next(s for s in report.sources if s.name == name)


def unpacked(store: MemoryStore, snapshot: str | None, name: str) -> dict[str, bytes]:
    """Every file of a source, out of its objects."""
    found: dict[str, bytes] = {}
    record = manifest_of(store, snapshot).source(name)
    assert record is not None
    for key in record.objects:
        with StreamCodec().unpack(io.BytesIO(store.objects[key]), key, ()) as reader:
            data = io.BytesIO(b"".join(iter(lambda: reader.read(1 << 16), b"")))
        with tarfile.open(fileobj=data) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None:
                    assert member.name not in found
                    found[member.name] = content.read()
    return found


def keys(store: MemoryStore, prefix: str = "objects/") -> set[str]:
    return {key for key in store.objects if key.startswith(prefix)}
