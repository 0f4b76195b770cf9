"""`monops backup --format tarball` and `--to -`: one plain tarball a source, whole every time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from monops.domain import layout
from monops.domain.errors import MonopsError, StoreError, UsageFault
from monops.domain.ports import Packing, Store, Writer
from monops.ops.backup import BackupReport, RunReport, SourceReport
from monops.ops.capture import Naming, Target
from monops.ops.capture_source import open_capture
from monops.ops.mend import mend
from monops.ops.outside import Outside
from monops.ops.pack import NobodyLeft, Packed, fan_out, pack_all_to
from monops.ops.sources import Found, Selection, find_sources

#: A tarball's size is not known before: parts are chosen as for so much.
_GUESS = 64 << 30


def stream_tarball(outside: Outside, selection: Selection, sink: Writer, packing: Packing) -> None:
    """Write one source as one tarball into `sink`. Raises UsageFault unless one source is named."""
    mend(outside)
    if len(selection.names) != 1:
        raise UsageFault(
            "one source fits into one stream", remedy="monops backup prometheus --to - > prometheus.tar.zst"
        )
    found = find_sources(outside, selection)
    _write(outside, found, found.targets[0], sink, packing, _snapshot(outside))


def tarballs(outside: Outside, selection: Selection, stores: Sequence[Store], packing: Packing) -> BackupReport:
    """Write `<source>-<time>-<host>-<random>.tar.zst` into every one of `stores`."""
    began = outside.clock.monotonic()
    repaired = mend(outside)
    found = find_sources(outside, selection)
    snapshot = _snapshot(outside)
    errors: dict[int, MonopsError] = {}
    for store in stores:
        try:
            store.prepare()
        except MonopsError as error:
            errors[id(store)] = error
    done: dict[str, tuple[str, Packed | None, MonopsError | None]] = {
        name: ("", None, error) for name, error in found.failed.items()
    }
    for target in found.targets:
        living = [store for store in stores if id(store) not in errors]
        if living:
            done[target.name] = _store_one(outside, found, target, living, packing, snapshot, errors)
    seconds = outside.clock.monotonic() - began
    runs = tuple(_run(store, done, snapshot, errors.get(id(store)), seconds) for store in stores)
    return BackupReport(runs, repaired)


def _store_one(
    outside: Outside,
    found: Found,
    target: Target,
    stores: Sequence[Store],
    packing: Packing,
    snapshot: str,
    errors: dict[int, MonopsError],
) -> tuple[str, Packed | None, MonopsError | None]:
    def failed(store: Store, error: StoreError) -> None:
        errors[id(store)] = error

    key = f"{target.name}-{snapshot}{packing.suffix}"
    try:
        with suppress(NobodyLeft), fan_out(stores, key, at_most=_GUESS, failed=failed) as sink:
            mode, packed = _write(outside, found, target, sink, packing, snapshot)
            return mode, packed, None
    except StoreError:
        raise
    except MonopsError as error:
        return target.mode, None, error
    return target.mode, None, None


def _write(
    outside: Outside, found: Found, target: Target, sink: Writer, packing: Packing, snapshot: str
) -> tuple[str, Packed]:
    with open_capture(outside, found, target, Naming(snapshot, packing.recipients)) as capture:
        outside.progress.step(target.name)
        packed = pack_all_to(
            sink,
            (pack for packs in capture.phases for pack in packs),
            outside.codec,
            packing,
            open_file=outside.files.open,
            tick=outside.progress.advance,
        )
        return capture.mode, packed


def _snapshot(outside: Outside) -> str:
    return layout.snapshot_id(outside.clock.now(), outside.machine.host, outside.machine.token(4))


def _run(
    store: Store,
    done: dict[str, tuple[str, Packed | None, MonopsError | None]],
    snapshot: str,
    error: MonopsError | None,
    seconds: float,
) -> RunReport:
    sources = tuple(
        SourceReport(
            name=name,
            capture=mode,
            bytes_read=packed.bytes_inside if packed is not None else 0,
            bytes_new=packed.bytes_stored if packed is not None else 0,
            objects_new=1 if packed is not None else 0,
            objects_reused=0,
            error=fault,
            bytes_inside=packed.bytes_inside if packed is not None else 0,
        )
        for name, (mode, packed, fault) in done.items()
    )
    stored = error is None and any(source.objects_new for source in sources)
    return RunReport(
        destination=store.url, snapshot=snapshot if stored else None, sources=sources, seconds=seconds, error=error
    )
