"""One source out of a snapshot as one plain tarball."""

from __future__ import annotations

from dataclasses import dataclass

from monops.domain.errors import UsageFault
from monops.domain.nearest import listed
from monops.domain.ports import Packing, Writer
from monops.ops.outside import Outside
from monops.ops.restore_directory import Origin, chosen_sources, opener, records_of
from monops.ops.unpack import merged

#: How a file's ending names its compression.
_ENDINGS = {".tar": ("none", 0), ".tar.gz": ("gzip", 6), ".tgz": ("gzip", 6), ".tar.zst": ("zstd", 3)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What `monops export` wrote."""

    snapshot: str
    source: str
    #: Bytes of the tarball, compressed.
    bytes: int
    seconds: float


def packing_for(file_name: str, *, threads: int) -> Packing:
    """How a file of this name is packed. Raises UsageFault for an ending that says nothing."""
    for ending, (compression, level) in _ENDINGS.items():
        if file_name.endswith(ending):
            return Packing(compression=compression, level=level, threads=threads if compression == "zstd" else 0)
    raise UsageFault(
        f"the ending of {file_name!r} does not say how to pack it", remedy=f"use one of {listed(_ENDINGS)}"
    )


def export(origin: Origin, source_name: str, sink: Writer, packing: Packing, outside: Outside) -> Exported:
    """`sink` has one tarball of the source: unpacked into an empty folder it gives the volume.

    Raises Damaged after a part is written: whoever gives the sink throws that away.
    """
    begun = outside.clock.monotonic()
    (source,) = chosen_sources(origin.manifest, [source_name])
    records = records_of(origin.manifest, source)
    outside.progress.step(f"exporting {source_name}", sum(record.bytes_stored for record in records))
    meter = _Meter(sink)
    with outside.codec.pack(meter, packing) as writer:
        for piece in merged(records, opener(origin, outside)):
            writer.write(piece)
    return Exported(
        snapshot=origin.manifest.id,
        source=source_name,
        bytes=meter.count,
        seconds=round(outside.clock.monotonic() - begun, 3),
    )


class _Meter:
    """Counts what passes."""

    def __init__(self, sink: Writer) -> None:
        self._sink = sink
        self.count = 0

    def write(self, data: bytes | memoryview) -> int:
        self._sink.write(data)
        self.count += len(data)
        return len(data)
