"""`monops verify`: is every object there, and are its bytes the ones that were stored?"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from monops.domain.errors import NotFound
from monops.domain.manifest import Manifest, ObjectRecord
from monops.domain.ports import Store, Stored
from monops.ops.catalogue import Catalogue, objects_of, read_catalogue
from monops.ops.outside import Outside

LEVELS = ("stored", "read")
_CHUNK = 1 << 20
#: Objects that are read at a time: enough to hide an S3 server's answer times.
_WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that would not restore."""

    snapshot: str
    #: The object's key; "" for the manifest itself.
    object: str
    #: "manifest", "missing", "size" or "bytes".
    kind: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What was looked at, and every fault."""

    destination: str
    level: str
    snapshots: tuple[str, ...]
    objects: int
    bytes_read: int
    faults: tuple[Fault, ...]
    seconds: float


def verify(outside: Outside, store: Store, wanted: str | None, level: str) -> VerifyReport:
    """Check one snapshot, or all. Raises NotFound for an unknown one.

    A destination that cannot be read raises: what could not be looked at is no fault and no pass.
    """
    began = outside.clock.monotonic()
    catalogue = read_catalogue(store)
    newest = max(catalogue.manifests, default="")
    faults = [
        Fault(snapshot=name, object="", kind="manifest", detail=error.message)
        for name, error in catalogue.unreadable.items()
        if wanted is None or name.startswith(wanted) or (wanted == "latest" and name > newest)
    ]
    manifests = _chosen(catalogue, wanted, found_faults=bool(faults))
    there = objects_of(store)
    records = catalogue.records()
    sound: list[ObjectRecord] = []
    for key in dict.fromkeys(o.key for m in manifests for o in m.objects):
        fault = _presence(records[key], there)
        if fault is None:
            sound.append(records[key])
        else:
            faults += _for_each_snapshot(manifests, key, *fault)
    bytes_read = 0
    if level == "read":
        bytes_read = sum(record.bytes_stored for record in sound)
        outside.progress.step(f"reading {len(sound)} objects", bytes_read)
        for record, fault in _read_all(outside, store, sound):
            faults += _for_each_snapshot(manifests, record.key, *fault)
    return VerifyReport(
        destination=store.url,
        level=level,
        snapshots=tuple(m.id for m in manifests),
        objects=len({o.key for m in manifests for o in m.objects}),
        bytes_read=bytes_read,
        faults=tuple(sorted(faults, key=lambda fault: (fault.snapshot, fault.object))),
        seconds=outside.clock.monotonic() - began,
    )


def _chosen(catalogue: Catalogue, wanted: str | None, *, found_faults: bool) -> tuple[Manifest, ...]:
    if wanted is None:
        if not catalogue.manifests and not catalogue.unreadable:
            catalogue.pick("latest")  # raises: an empty store is not a healthy backup
        return tuple(catalogue.manifests.values())
    if found_faults:
        return ()
    return (catalogue.pick(wanted),)


def _presence(record: ObjectRecord, there: dict[str, Stored]) -> tuple[str, str] | None:
    stored = there.get(record.key)
    if stored is None:
        return "missing", "it is not there"
    if stored.size != record.bytes_stored:
        return "size", f"it has {stored.size} bytes, {record.bytes_stored} were stored"
    return None


def _for_each_snapshot(manifests: Sequence[Manifest], key: str, kind: str, detail: str) -> list[Fault]:
    return [
        Fault(snapshot=m.id, object=key, kind=kind, detail=detail)
        for m in manifests
        if any(o.key == key for o in m.objects)
    ]


def _read_all(
    outside: Outside, store: Store, records: Sequence[ObjectRecord]
) -> list[tuple[ObjectRecord, tuple[str, str]]]:
    stop = threading.Event()

    def read(record: ObjectRecord) -> tuple[str, str] | None:
        return None if stop.is_set() else _read_one(outside, store, record)

    with ThreadPoolExecutor(min(_WORKERS, max(1, len(records)))) as pool:
        try:
            results = list(pool.map(read, records))
        except BaseException:
            stop.set()
            raise
    return [(record, fault) for record, fault in zip(records, results, strict=True) if fault is not None]


def _read_one(outside: Outside, store: Store, record: ObjectRecord) -> tuple[str, str] | None:
    digest = hashlib.sha256()
    count = 0
    try:
        with store.read(record.key) as reader:
            while chunk := reader.read(_CHUNK):
                digest.update(chunk)
                count += len(chunk)
                outside.progress.advance(len(chunk))
    except NotFound:
        return "missing", "it vanished while it was verified"
    if count != record.bytes_stored:
        return "size", f"{count} bytes were read, {record.bytes_stored} were stored"
    if digest.hexdigest() != record.sha256:
        return "bytes", f"its sha256 is {digest.hexdigest()[:16]}…, {record.sha256[:16]}… was stored"
    return None
