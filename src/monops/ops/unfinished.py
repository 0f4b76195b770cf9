"""What an interrupted backup has stored already, kept in the destination so that the next one goes on where it ended.

`pending/<snapshot>.json` names whole objects that no manifest names yet. Written now and then during a backup and when
it ends early; read and taken away by the next, which holds the lock, so that whoever wrote it is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress

import msgspec

from monops.domain import layout
from monops.domain.errors import NotFound, StoreError
from monops.domain.manifest import ObjectRecord
from monops.domain.ports import Store


def remember(store: Store, snapshot: str, records: Iterable[ObjectRecord]) -> None:
    """Write down what is stored. A failure costs only time later: the backup itself says what is wrong."""
    content = {"format": layout.FORMAT, "objects": [msgspec.to_builtins(record) for record in records]}
    with suppress(StoreError):
        store.put(f"{layout.PENDING}{snapshot}.json", json.dumps(content).encode())


def recall(store: Store) -> tuple[Mapping[str, ObjectRecord], tuple[str, ...]]:
    """The objects of interrupted backups, and the keys of their notes. What cannot be read names nothing."""
    found: dict[str, ObjectRecord] = {}
    keys = []
    for stored in list(store.list(layout.PENDING)):
        keys.append(stored.key)
        try:
            content = json.loads(store.get(stored.key))
            records = msgspec.convert(content["objects"], tuple[ObjectRecord, ...])
        except (NotFound, ValueError, KeyError, TypeError):
            continue
        found |= {record.key: record for record in records}
    return found, tuple(keys)


def forget(store: Store, keys: Iterable[str]) -> None:
    """The objects have a manifest now, or are of no use."""
    with suppress(StoreError):
        for key in keys:
            store.delete(key)
