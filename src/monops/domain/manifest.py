"""A snapshot's manifest: the names of the objects that make it up, and what they held.

Written last, deleted first: a snapshot exists if and only if its manifest does. Never changed once written.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from monops.domain.errors import Damaged, Refused
from monops.domain.layout import FORMAT
from monops.domain.tsdb import Block


class ObjectRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One object as it was stored."""

    key: str
    sha256: str
    #: Bytes of the stored object.
    bytes_stored: int
    #: Bytes of the files inside it.
    bytes_inside: int
    files: int


class BlockRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One TSDB block and the object that holds its index and chunks. Times in milliseconds since the epoch."""

    ulid: str
    object: str
    min_time: int
    max_time: int
    level: int
    samples: int
    series: int
    chunks: int


class GoldenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A question and what the service answered at the time: a drill asks it again."""

    #: "promql" (asked at `at`, Unix seconds) or "sqlite-count" (rows of a table).
    kind: str
    question: str
    answer: Any
    at: float | None = None


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One source as it was captured."""

    name: str
    #: "snapshot", "live" or "stop".
    capture: str
    #: "mountpoint", "archive" or "directory".
    reach: str
    place: str
    objects: tuple[str, ...]
    #: Owner and mode of the data's root folder.
    uid: int
    gid: int
    mode: str
    image: str = ""
    image_digest: str = ""
    server_version: str = ""
    retention: str = ""
    blocks: tuple[BlockRecord, ...] = ()
    golden: tuple[GoldenAnswer, ...] = ()
    #: What this capture could not have, in sentences.
    warnings: tuple[str, ...] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot."""

    format: int
    id: str
    #: RFC 3339, UTC.
    taken_at: str
    host: str
    monops: str
    project: str
    sources: tuple[SourceRecord, ...]
    objects: tuple[ObjectRecord, ...]
    #: Names of sources that were asked for and failed.
    failed: tuple[str, ...] = ()

    @property
    def taken(self) -> datetime:
        return datetime.fromisoformat(self.taken_at).astimezone(UTC)

    @property
    def complete(self) -> bool:
        """Whether every source that was asked for is in it."""
        return not self.failed

    @property
    def bytes_stored(self) -> int:
        return sum(o.bytes_stored for o in self.objects)

    @property
    def bytes_inside(self) -> int:
        return sum(o.bytes_inside for o in self.objects)

    def source(self, name: str) -> SourceRecord | None:
        return next((s for s in self.sources if s.name == name), None)

    def record(self, key: str) -> ObjectRecord:
        return next(o for o in self.objects if o.key == key)


def block_record(block: Block, key: str) -> BlockRecord:
    """What the manifest keeps of a block."""
    return BlockRecord(
        ulid=block.ulid,
        object=key,
        min_time=block.min_time,
        max_time=block.max_time,
        level=block.level,
        samples=block.samples,
        series=block.series,
        chunks=block.chunks,
    )


def encode(manifest: Manifest) -> bytes:
    """The manifest as stored: JSON with one line per object and block, and its own checksum at the end."""
    fields = msgspec.to_builtins(manifest)
    return _render(fields | {"checksum": _checksum(fields)})


def decode(data: bytes, name: str) -> Manifest:
    """The manifest in `data`. Raises Damaged, and Refused for a format that is newer than this monops."""
    try:
        fields = json.loads(data)
        found_format = fields["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(
            f"manifest {name} cannot be read ({error})", remedy="take a new snapshot: monops backup"
        ) from error
    if found_format != FORMAT:
        raise newer_format(name, found_format)
    claimed = fields.pop("checksum", None)
    if claimed != _checksum(fields):
        raise Damaged(f"manifest {name} does not match its own checksum", remedy="take a new snapshot: monops backup")
    try:
        return msgspec.convert(fields, Manifest, strict=True)
    except msgspec.ValidationError as error:
        raise Damaged(
            f"manifest {name} is not complete ({error})", remedy="take a new snapshot: monops backup"
        ) from error


def newer_format(name: str, found: object) -> Refused:
    """The refusal to touch what a newer monops wrote."""
    return Refused(
        f"{name} has store format {found}, this monops reads format {FORMAT}",
        remedy="use the monops that wrote it: pip install --upgrade monops",
    )


def _checksum(fields: dict[str, Any]) -> str:
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def _render(fields: dict[str, Any]) -> bytes:
    """One line per field, and one per element of the long lists: readable, greppable, and small."""
    lines = []
    for name, value in fields.items():
        if name in ("sources", "objects") and value:
            inner = ",\n".join("  " + json.dumps(item, separators=(",", ":")) for item in value)
            lines.append(f"{json.dumps(name)}: [\n{inner}\n]")
        else:
            lines.append(f"{json.dumps(name)}: {json.dumps(value)}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()
