"""Scratch files and files that a person names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monops.domain.errors import MonopsError
from monops.domain.ports import Reader


class LocalFileSystem:
    """This machine's files."""

    @contextmanager
    def open(self, path: str) -> Iterator[Reader]:
        with Path(path).open("rb", buffering=0) as file:
            yield file

    def save(self, path: str, source: Reader) -> int:
        """Write a new private file; the bytes. Raises MonopsError where there is no room."""
        count = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                while chunk := source.read(1 << 20):
                    view = memoryview(chunk)
                    while view:
                        view = view[file.write(view) or 0 :]
                    count += len(chunk)
        except OSError as error:
            raise MonopsError(
                f"cannot write a temporary copy to {path}: {error.strerror}",
                remedy="export TMPDIR=/a/folder/with/space",
            ) from error
        return count

    def size(self, path: str) -> int:
        return Path(path).stat().st_size

    def remove(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)
