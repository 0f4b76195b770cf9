"""`monops snapshots`: what a destination holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from monops.domain.errors import MonopsError
from monops.domain.ports import Store
from monops.ops.catalogue import read_catalogue
from monops.ops.outside import Outside


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotLine:
    """One snapshot in the list."""

    id: str
    taken_at: datetime
    host: str
    sources: tuple[str, ...]
    bytes_inside: int
    bytes_stored: int
    #: Bytes of the objects that no older snapshot has.
    bytes_new: int
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotReport:
    """The list, oldest first."""

    destination: str
    now: datetime
    lines: tuple[SnapshotLine, ...]
    unreadable: Mapping[str, MonopsError]


def snapshots(outside: Outside, store: Store) -> SnapshotReport:
    """Read every manifest of `store`. Raises NotFound if it is no store."""
    catalogue = read_catalogue(store)
    seen: set[str] = set()
    lines = []
    for manifest in catalogue.manifests.values():
        new = [o for o in manifest.objects if o.key not in seen]
        seen.update(o.key for o in new)
        lines.append(
            SnapshotLine(
                id=manifest.id,
                taken_at=manifest.taken,
                host=manifest.host,
                sources=tuple(source.name for source in manifest.sources),
                bytes_inside=manifest.bytes_inside,
                bytes_stored=manifest.bytes_stored,
                bytes_new=sum(o.bytes_stored for o in new),
                complete=manifest.complete,
            )
        )
    return SnapshotReport(
        destination=store.url, now=outside.clock.now(), lines=tuple(lines), unreadable=catalogue.unreadable
    )
