"""SQLite, compression and encryption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from monops.domain.ports.streams import Reader, Writer


class Sqlite(Protocol):
    """Consistent copies of SQLite databases. Raises CaptureError."""

    def snapshot(self, live: str, copy: str) -> str:
        """Copy a database that others write to by SQLite's backup API, in one step; its journal mode."""
        ...

    def recover(self, copy: str) -> str:
        """Roll a copied database with its side files back or forward to its last commit; its journal mode."""
        ...

    def check(self, copy: str) -> None:
        """`PRAGMA integrity_check`. Raises CaptureError with what it found."""
        ...

    def counts(self, copy: str, tables: Sequence[str]) -> Mapping[str, int]:
        """Rows of those of `tables` that exist."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How objects are packed."""

    #: "zstd", "gzip" or "none".
    compression: str = "zstd"
    level: int = 3
    #: age recipients; empty for no encryption.
    recipients: tuple[str, ...] = ()
    #: Threads inside one compressor; 0 compresses in the calling thread.
    threads: int = 0
    #: Whether the content is TSDB blocks, which are packed bits already: zstd then looks for fewer matches.
    is_tsdb: bool = False

    @property
    def suffix(self) -> str:
        """`.tar.zst`, `.tar.gz` or `.tar`, with `.age` behind when encrypted."""
        plain = {"zstd": ".tar.zst", "gzip": ".tar.gz", "none": ".tar"}[self.compression]
        return plain + (".age" if self.recipients else "")


class Codec(Protocol):
    """Compression and encryption of streams."""

    def pack(self, sink: Writer, packing: Packing) -> AbstractContextManager[Writer]:
        """What is written is compressed, then encrypted, then written to `sink`; complete when left."""
        ...

    def unpack(self, source: Reader, key: str, identities: Sequence[str]) -> AbstractContextManager[Reader]:
        """The plain tar inside the object named `key`. Raises Damaged, and ConfigurationError without an identity."""
        ...
