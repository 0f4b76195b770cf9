"""Streams of bytes."""

from __future__ import annotations

from typing import Protocol


class Reader(Protocol):
    """A stream of bytes. `read(n)` may return fewer bytes than asked, and b"" at the end."""

    def read(self, size: int = -1, /) -> bytes: ...


class Writer(Protocol):
    """Takes bytes."""

    def write(self, data: bytes | memoryview, /) -> int: ...
