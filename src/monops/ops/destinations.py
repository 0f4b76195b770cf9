"""The destinations of one backup, each with its own fate."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from monops.domain import layout
from monops.domain.errors import MonopsError, NotFound, Refused
from monops.domain.manifest import Manifest, ObjectRecord, SourceRecord, encode
from monops.domain.ports import Store, Stored
from monops.ops.catalogue import check_format, objects_of, read_catalogue
from monops.ops.lock import Lease, locked
from monops.ops.outside import Outside
from monops.ops.pack import Packed
from monops.ops.restore_page import TEXT
from monops.ops.unfinished import forget, recall, remember

#: What an unfinished file or upload of a killed run must be old enough for.
_STALE = timedelta(hours=24)
#: Seconds between two notes of what is stored so far: what a killed backup may have to store again.
_REMEMBER_EVERY = 10.0
#: What may be there without a marker: a first run was interrupted, or somebody lost the marker.
_OWN = (layout.LOCKS, layout.README, layout.OBJECTS, layout.SNAPSHOTS, layout.PENDING)


@dataclass(slots=True)
class SourceCount:
    """What one destination got of one source."""

    bytes_read: int = 0
    bytes_new: int = 0
    objects_new: int = 0
    objects_reused: int = 0


@dataclass(slots=True)
class Destination:
    """A destination during a backup."""

    store: Store
    lease: Lease | None = None
    stored: dict[str, Stored] = field(default_factory=dict)
    known: dict[str, ObjectRecord] = field(default_factory=dict)
    #: Objects of this snapshot.
    records: dict[str, ObjectRecord] = field(default_factory=dict)
    counts: dict[str, SourceCount] = field(default_factory=dict)
    snapshot: str | None = None
    error: MonopsError | None = None
    #: Notes of interrupted backups, which this one goes on with.
    pending: tuple[str, ...] = ()
    #: When, on the monotonic clock, what is stored was last written down.
    remembered: float = 0.0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ok(self) -> bool:
        return self.error is None

    def fail(self, error: MonopsError) -> None:
        """The first error is the one that is told."""
        with self._guard:
            if self.error is None:
                self.error = error

    def has(self, key: str) -> bool:
        """Whether `key` is stored whole: there, with the size that a manifest recorded, or an interrupted backup.

        One that is there and that nobody recorded may be anything: it is stored again.
        """
        there, record = self.stored.get(key), self.known.get(key)
        return there is not None and record is not None and there.size == record.bytes_stored

    def reuse(self, source: str, key: str) -> None:
        with self._guard:
            if key not in self.records:  # else this run stored it, in an earlier try at a source that changed
                self.counts.setdefault(source, SourceCount()).objects_reused += 1
            self.records[key] = self.known[key]

    def stored_new(self, source: str, key: str, packed: Packed) -> None:
        with self._guard:
            record = ObjectRecord(
                key=key,
                sha256=packed.sha256,
                bytes_stored=packed.bytes_stored,
                bytes_inside=packed.bytes_inside,
                files=packed.files,
            )
            is_new = key not in self.records
            # Known from now on: a second try at a source that changed meanwhile need not store it again.
            self.records[key] = self.known[key] = record
            self.stored[key] = Stored(key, packed.bytes_stored, datetime.min.replace(tzinfo=UTC))
            count = self.counts.setdefault(source, SourceCount())
            count.bytes_read += packed.bytes_inside
            count.bytes_new += packed.bytes_stored
            count.objects_new += is_new


def open_destination(outside: Outside, stack: ExitStack, store: Store, *, break_lock: bool) -> Destination:
    """Prepare, lock (until `stack` is left) and list a destination; one that fails says so in its `error`."""
    destination = Destination(store, remembered=outside.clock.monotonic())
    try:
        store.prepare()
        _mark(outside, store)
        destination.lease = stack.enter_context(locked(outside, store, break_lock=break_lock))
        catalogue = read_catalogue(store)
        for name, fault in catalogue.unreadable.items():
            outside.progress.warn(f"{fault.message}; what only {name} names is stored again")
        unfinished, destination.pending = recall(store)
        destination.known = {**catalogue.records(), **unfinished}
        destination.stored = objects_of(store)
        store.sweep(older_than=outside.clock.now() - _STALE)
    except MonopsError as error:
        destination.fail(error)
    return destination


def _mark(outside: Outside, store: Store) -> None:
    """Make a store of an empty place; refuse one that holds somebody else's files or a newer format."""
    try:
        check_format(store)
    except NotFound:
        stranger = next((s.key for s in store.list("") if not s.key.startswith(_OWN)), None)
        if stranger is not None:
            raise Refused(
                f"{store.url} is not empty and not a monops store (it holds {stranger})",
                remedy=f"choose a folder of its own: monops backup --to {store.url.rstrip('/')}/monops",
            ) from None
        marker = {"format": layout.FORMAT, "id": outside.machine.token(32)}
        store.put(layout.MARKER, json.dumps(marker).encode() + b"\n")
        store.put(layout.README, TEXT.encode())


def remember_now_and_then(outside: Outside, destination: Destination, snapshot: str, *, now: bool = False) -> None:
    """Write down what is stored of a snapshot that has no manifest yet; at most every few seconds, unless `now`."""
    time = outside.clock.monotonic()
    if destination.ok and destination.records and (now or time - destination.remembered > _REMEMBER_EVERY):
        destination.remembered = time
        remember(destination.store, snapshot, list(destination.records.values()))


def write_manifest(destination: Destination, base: Manifest, sources: tuple[SourceRecord, ...]) -> None:
    """The snapshot comes into being. Last check of the lock before it."""
    if destination.lease is not None:
        destination.lease.check()
    named = {key for source in sources for key in source.objects}
    objects = tuple(record for key, record in sorted(destination.records.items()) if key in named)
    manifest = Manifest(
        format=base.format,
        id=base.id,
        taken_at=base.taken_at,
        host=base.host,
        monops=base.monops,
        project=base.project,
        sources=sources,
        objects=objects,
        failed=base.failed,
    )
    destination.store.put(layout.manifest_key(base.id), encode(manifest))
    destination.snapshot = base.id
    forget(destination.store, (*destination.pending, f"{layout.PENDING}{base.id}.json"))
