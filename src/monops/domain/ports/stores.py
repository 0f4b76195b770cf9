"""Destinations: immutable named objects in a directory or under an S3 prefix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from monops.domain.ports.streams import Reader, Writer


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the destination lists it."""

    key: str
    size: int
    modified: datetime


class Store(Protocol):
    """Immutable named objects in a directory or under an S3 prefix.

    Every method may raise StoreUnreachable, StoreDenied, StoreFull or StoreError.
    Proven by `tests/contract/test_store.py`, which every store passes.
    """

    @property
    def url(self) -> str:
        """Where it is, without secrets, as a person would type it."""
        ...

    def prepare(self) -> None:
        """Make sure it can be written to; creates a directory, never a bucket. Raises NotFound for a missing bucket."""
        ...

    def exists(self) -> bool:
        """Whether the place itself is there (an existing folder, a reachable bucket)."""
        ...

    def write(self, key: str, *, at_most: int) -> AbstractContextManager[Writer]:
        """Store what is written under `key`, whole or not at all: leaving by an exception stores nothing.

        `at_most` is an upper bound of the bytes to come, or a good guess: it only chooses part sizes.
        """
        ...

    def read(self, key: str) -> AbstractContextManager[Reader]:
        """Stream `key`. Raises NotFound. A connection lost half-way raises; it never looks like the end."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Store a small object; replaces an older one atomically."""
        ...

    def get(self, key: str) -> bytes:
        """A small object whole. Raises NotFound."""
        ...

    def list(self, prefix: str) -> Iterator[Stored]:
        """What is stored under `prefix`, by key. Unfinished uploads are not listed."""
        ...

    def delete(self, key: str) -> None:
        """Remove `key`; absent is fine."""
        ...

    def sweep(self, *, older_than: datetime) -> int:
        """Remove unfinished files or uploads that killed writers left before that time; how many."""
        ...
