"""Names in a store, format 1."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from monops.domain.tree import Entry

FORMAT = 1
MARKER = "monops.json"
README = "RESTORE.md"
SNAPSHOTS = "snapshots/"
OBJECTS = "objects/"
LOCKS = "locks/"
PENDING = "pending/"

#: A ULID: 26 characters of Crockford's base 32. Source: github.com/ulid/spec.
ULID = re.compile(r"^[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")
_SNAPSHOT = re.compile(r"^(\d{8}T\d{6}Z)-([A-Za-z0-9._-]+)-([0-9a-f]{4})\Z")


def snapshot_id(taken_at: datetime, host: str, random: str) -> str:
    """`20261123T010203Z-<host>-<4 hex>`; `taken_at` in UTC."""
    safe_host = re.sub(r"[^A-Za-z0-9._-]+", "-", host).strip("-.") or "host"
    return f"{taken_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{safe_host[:40]}-{random[:4]}"


def is_snapshot_id(text: str) -> bool:
    return _SNAPSHOT.match(text) is not None


def manifest_key(snapshot: str) -> str:
    return f"{SNAPSHOTS}{snapshot}.json"


def block_name(ulid: str, immutable: Iterable[Entry], recipients: Sequence[str] = ()) -> str:
    """`<ULID>-<digest8>`: the digest is over the names and sizes of index and chunks.

    The recipients are part of it, so that a block encrypted for others is not taken for one that these can read.
    """
    digest = hashlib.sha256()
    for entry in sorted(immutable, key=lambda e: e.path):
        digest.update(f"{entry.path}\0{entry.size}\n".encode(errors="surrogateescape"))
    for recipient in sorted(recipients):
        digest.update(f"age:{recipient}\n".encode())
    return f"{ulid}-{digest.hexdigest()[:8]}"


def object_key(source: str, name: str, suffix: str) -> str:
    """`objects/prometheus/<name>.tar.zst`."""
    return f"{OBJECTS}{source}/{name}{suffix}"
