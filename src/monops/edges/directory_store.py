"""A destination that is a directory: temp file in the same folder, fsync, rename, fsync the folder."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from monops.domain.errors import MonopsError, NotFound, StoreDenied, StoreError, StoreFull
from monops.domain.ports import Reader, Stored, Writer

#: Names of unfinished files: `.<name>.<random>.partial`.
_PARTIAL = ".partial"


class DirectoryStore:
    """Immutable named objects below a folder. Files are 0600, folders 0700."""

    def __init__(self, path: str) -> None:
        self._root = Path(path).absolute()

    @property
    def url(self) -> str:
        return str(self._root)

    def prepare(self) -> None:
        """Make the folder. Raises StoreDenied where that is not allowed."""
        with self._translated("create"):
            try:
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            except FileNotFoundError as error:  # below /proc, or a parent that goes meanwhile
                raise _translate(error, "create", self.url) from error

    def exists(self) -> bool:
        return self._root.is_dir()

    @contextmanager
    def write(self, key: str, *, at_most: int) -> Iterator[Writer]:
        """A writer for `key`; the file appears under its name only when complete and on disk."""
        del at_most  # parts are an S3 matter
        final = self._path(key)
        partial = final.with_name(f".{final.name}.{secrets.token_hex(4)}{_PARTIAL}")
        with self._written():
            self._make_folder(final.parent)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            try:
                yield _FileWriter(descriptor, self.url)
                with self._translated("write"):
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            with self._written():
                partial.rename(final)
                _fsync_folder(final.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise

    @contextmanager
    def read(self, key: str) -> Iterator[Reader]:
        """Stream `key`. Raises NotFound."""
        try:
            with self._translated("read"):
                file = self._path(key).open("rb", buffering=0)
        except FileNotFoundError as error:
            raise self._missing(key) from error
        with file:
            yield _FileReader(file, self.url)

    def put(self, key: str, data: bytes) -> None:
        with self.write(key, at_most=len(data)) as writer:
            writer.write(data)

    def get(self, key: str) -> bytes:
        with self.read(key) as reader:
            return b"".join(iter(lambda: reader.read(1 << 20), b""))

    def list(self, prefix: str) -> Iterator[Stored]:
        """By key. A missing folder lists nothing."""
        folder = self._root / prefix.rpartition("/")[0]
        found = []
        for path in self._files(folder):
            key = path.relative_to(self._root).as_posix()
            if key.startswith(prefix) and not path.name.endswith(_PARTIAL):
                with contextlib.suppress(FileNotFoundError):
                    status = path.stat()
                    found.append(Stored(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)))
        yield from sorted(found, key=lambda stored: stored.key)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._translated("delete"), contextlib.suppress(FileNotFoundError):
            path.unlink()
            _fsync_folder(path.parent)

    def sweep(self, *, older_than: datetime) -> int:
        """Remove what killed writers left behind; how many files."""
        count = 0
        for path in self._files(self._root):
            if path.name.startswith(".") and path.name.endswith(_PARTIAL):
                with contextlib.suppress(OSError):
                    if datetime.fromtimestamp(path.stat().st_mtime, UTC) < older_than:
                        path.unlink()
                        count += 1
        return count

    def _files(self, folder: Path) -> Iterator[Path]:
        with self._translated("list"):
            for place, folders, names in os.walk(folder, onerror=_raise_unless_missing):
                if "lost+found" in folders and Path(place) == self._root:
                    folders.remove("lost+found")  # the file system's own, for root only
                for name in names:
                    yield Path(place) / name

    def _path(self, key: str) -> Path:
        return self._root / key

    def _make_folder(self, folder: Path) -> None:
        """Make `folder` with every missing parent durably: a new folder's name is in its parent's data."""
        missing = [p for p in (folder, *folder.parents) if not p.exists()]
        for path in reversed(missing):
            with contextlib.suppress(FileExistsError):
                path.mkdir(mode=0o700)
            _fsync_folder(path.parent)

    def _missing(self, key: str) -> NotFound:
        return NotFound(f"{key} is not in {self.url}", remedy=f"monops verify --level stored --from {self.url}")

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            with self._translated("write"):
                yield
        except FileNotFoundError as error:
            raise StoreError(
                f"{self.url} went away while it was written to", remedy=f"is it mounted? df -h {self.url}"
            ) from error

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, MonopsError):
            raise
        except OSError as error:
            raise _translate(error, verb, self.url) from error


class _FileWriter:
    """Writes all of what it is given to a descriptor."""

    def __init__(self, descriptor: int, url: str) -> None:
        self._descriptor = descriptor
        self._url = url

    def write(self, data: bytes | memoryview) -> int:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise _translate(error, "write", self._url) from error
        return len(data)


class _FileReader:
    """Reads a file; an I/O error of the disk is a StoreError."""

    def __init__(self, file: io.FileIO, url: str) -> None:
        self._file = file
        self._url = url

    def read(self, size: int = -1) -> bytes:
        try:
            return self._file.read(size) or b""
        except OSError as error:
            raise _translate(error, "read", self._url) from error


def _translate(error: OSError, verb: str, url: str) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(
            f"no space left in {url}", remedy=f"free space there, or choose another destination: df -h {url}"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreDenied(
            f"cannot {verb} in {url}: {error.strerror}",
            remedy=f"check who owns it and how it is mounted: ls -ld {url}",
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return StoreDenied(f"{url} is not a directory", remedy="name a directory: monops backup --to DIR")
    return StoreError(f"cannot {verb} in {url}: {error.strerror or error}", remedy=f"check the disk: df -h {url}")


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
