"""`monops backup`: capture each source once, pack it once, store it in every destination."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from monops import __version__
from monops.domain import layout
from monops.domain.errors import CaptureError, ConfigurationError, MonopsError, SourceChanged
from monops.domain.manifest import Manifest, SourceRecord, block_record
from monops.domain.nearest import listed
from monops.domain.ports import Packing, Store
from monops.domain.scale import LABEL, instance_of
from monops.ops.capture import Capture, Naming, Target
from monops.ops.capture_source import open_capture
from monops.ops.destinations import (
    Destination,
    SourceCount,
    open_destination,
    remember_now_and_then,
    write_manifest,
)
from monops.ops.mend import mend
from monops.ops.outside import Outside
from monops.ops.sources import Found, Selection, find_sources
from monops.ops.storing import NobodyLeft, Storing

_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """What became of one source in one destination."""

    name: str
    capture: str
    bytes_read: int
    bytes_new: int
    objects_new: int
    objects_reused: int
    error: MonopsError | None = None
    #: Of the whole source, what was stored before included.
    bytes_inside: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What became of the backup in one destination."""

    destination: str
    snapshot: str | None
    sources: tuple[SourceReport, ...]
    seconds: float
    error: MonopsError | None

    @property
    def ok(self) -> bool:
        return self.error is None and self.snapshot is not None and all(s.error is None for s in self.sources)


@dataclass(frozen=True, slots=True)
class BackupReport:
    """The result: one run per destination, and what was put right first."""

    runs: tuple[RunReport, ...]
    repaired: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A source that was captured: the same for every destination."""

    record: SourceRecord | None
    capture: str
    error: MonopsError | None = None


def backup(
    outside: Outside, selection: Selection, stores: Sequence[Store], packing: Packing, *, break_lock: bool = False
) -> BackupReport:
    """Back the selected sources up to every one of `stores`.

    Raises what makes it pointless for all of them: no engine, no stack, an unknown source. What fails for one source
    or one destination is in the report.
    """
    began = outside.clock.monotonic()
    repaired = mend(outside)
    found = find_sources(outside, selection)
    if found.stack is not None:
        outside.engine.clear_leftovers()
    taken_at = outside.clock.now()
    snapshot = layout.snapshot_id(taken_at, outside.machine.host, outside.machine.token(4))
    naming = Naming(snapshot, packing.recipients)
    with ExitStack() as stack:
        destinations = [open_destination(outside, stack, store, break_lock=break_lock) for store in stores]
        try:
            taken = _take_all(outside, found, destinations, packing, naming)
            _finish(outside, found, destinations, taken, snapshot, taken_at)
        finally:
            for destination in destinations:
                if destination.snapshot is None:
                    remember_now_and_then(outside, destination, snapshot, now=True)
    seconds = outside.clock.monotonic() - began
    return BackupReport(tuple(_report(d, taken, seconds) for d in destinations), repaired)


def _take_all(
    outside: Outside, found: Found, destinations: Sequence[Destination], packing: Packing, naming: Naming
) -> dict[str, Taken]:
    taken = {name: Taken(record=None, capture="", error=error) for name, error in found.failed.items()}
    for target in found.targets:
        if not any(d.ok for d in destinations):
            break
        taken[target.name] = _take(outside, found, target, destinations, packing, naming)
    return taken


def _take(
    outside: Outside,
    found: Found,
    target: Target,
    destinations: Sequence[Destination],
    packing: Packing,
    naming: Naming,
) -> Taken:
    """Capture and store one source; once more where it changed under our hands."""
    error: MonopsError = CaptureError("not tried", remedy="run the backup again")
    for _ in range(_TRIES):
        mode = target.mode
        try:
            with open_capture(outside, found, target, naming) as capture:
                mode = capture.mode
                outside.progress.step(f"{target.name} ({capture.mode}, {capture.tree.reach})")
                storing = Storing(outside, naming.snapshot, target.name, destinations, packing)
                for packs in capture.phases:
                    storing.store(packs)
                capture.warnings += [f"{path} vanished while it was read" for path in storing.missing]
                capture.warnings += _said_of_others(outside, found, target)
                record = _record(outside, target, capture, storing)
            return Taken(record=record, capture=capture.mode)
        except NobodyLeft:
            return Taken(record=None, capture=mode)
        except SourceChanged as changed:
            error = changed
        except ConfigurationError:
            raise
        except MonopsError as failure:
            error = failure
            break
    return Taken(record=None, capture=target.mode, error=error)


def _said_of_others(outside: Outside, found: Found, target: Target) -> list[str]:
    """Of several Prometheus, one is backed up."""
    members = found.stack.containers if found.stack is not None else ()
    others = sorted(one.name for one in members if instance_of(one.labels.get(LABEL, "")) is not None)
    if target.name != "prometheus" or not others:
        return []
    warning = f"this is the first of several Prometheus; what {listed(others)} hold is not in it"
    outside.progress.warn(warning)
    return [warning]


def _record(outside: Outside, target: Target, capture: Capture, storing: Storing) -> SourceRecord:
    container = target.container
    blocks = sorted(capture.blocks.values(), key=lambda pair: (pair[0].min_time, pair[0].ulid))
    return SourceRecord(
        name=target.name,
        capture=capture.mode,
        reach=capture.tree.reach,
        place=capture.tree.place,
        objects=tuple(storing.keys),
        uid=capture.root.uid,
        gid=capture.root.gid,
        mode=f"{capture.root.mode:04o}",
        image=container.image if container is not None else "",
        image_digest=outside.engine.image_digest(container.image_id) if container is not None else "",
        server_version=capture.version,
        retention=capture.retention,
        blocks=tuple(block_record(block, storing.key_of(name)) for block, name in blocks),
        golden=capture.golden,
        warnings=tuple(capture.warnings),
    )


def _finish(
    outside: Outside,
    found: Found,
    destinations: Sequence[Destination],
    taken: dict[str, Taken],
    snapshot: str,
    taken_at: datetime,
) -> None:
    """Write the manifests: a source that failed is named in them, a backup of nothing has none."""
    records = tuple(t.record for t in taken.values() if t.record is not None)
    base = Manifest(
        format=layout.FORMAT,
        id=snapshot,
        taken_at=taken_at.isoformat(timespec="seconds"),
        host=outside.machine.host,
        monops=__version__,
        project=found.stack.project if found.stack is not None else "",
        sources=(),
        objects=(),
        failed=tuple(name for name, t in taken.items() if t.record is None),
    )
    for destination in destinations:
        if destination.ok and records:
            try:
                write_manifest(destination, base, records)
            except MonopsError as error:
                destination.fail(error)


def _report(destination: Destination, taken: dict[str, Taken], seconds: float) -> RunReport:
    sources = []
    for name, result in taken.items():
        count = destination.counts.get(name, SourceCount())
        sources.append(
            SourceReport(
                name=name,
                capture=result.capture,
                bytes_read=count.bytes_read,
                bytes_new=count.bytes_new,
                objects_new=count.objects_new,
                objects_reused=count.objects_reused,
                error=result.error,
                bytes_inside=sum(
                    destination.records[key].bytes_inside
                    for key in (result.record.objects if result.record is not None else ())
                    if key in destination.records
                ),
            )
        )
    return RunReport(
        destination=destination.store.url,
        snapshot=destination.snapshot,
        sources=tuple(sources),
        seconds=seconds,
        error=destination.error,
    )
