"""Folders and files of this machine that a person names as the target of a restore or an export."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monops.domain.errors import Refused
from monops.domain.ports import Writer

from .local_writer import LocalWriter, translate


class LocalFolders:
    """This machine's folders."""

    def exists(self, path: str) -> bool:
        return os.path.lexists(path)

    def is_empty(self, path: str) -> bool:
        with _translated("look into", path):
            if not os.path.lexists(path):
                return True
            return Path(path).is_dir() and not os.listdir(path)

    def create(self, path: str) -> LocalWriter:
        """Only its owner may look into the last folder until the restore gives it its own mode."""
        with _translated("make", path):
            folder = Path(path)
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        return LocalWriter(path)

    def free_bytes(self, path: str) -> int | None:
        with _translated("measure", path):
            folder = Path(path).absolute()
            while not folder.exists():
                folder = folder.parent
            found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize

    def rename(self, old: str, new: str) -> None:
        with _translated("rename", old):
            Path(old).rename(new)
            _sync_folder(Path(new).absolute().parent)

    def remove(self, path: str) -> None:
        with _translated("remove", path), contextlib.suppress(FileNotFoundError):
            if Path(path).is_dir() and not Path(path).is_symlink():
                shutil.rmtree(path)
            else:
                Path(path).unlink()

    @contextmanager
    def write_file(self, path: str) -> Iterator[Writer]:
        final = Path(path)
        if final.is_dir():
            raise Refused(f"{path} is a directory", remedy=f"name a file in it: -o {final / 'prometheus.tar.gz'}")
        temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}.partial")
        with _translated("write", path):
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            try:
                yield _FileWriter(descriptor, path)
                with _translated("write", path):
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            with _translated("write", path):
                temporary.rename(final)
                _sync_folder(final.absolute().parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


class _FileWriter:
    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self._path = path

    def write(self, data: bytes | memoryview) -> int:
        view = memoryview(data)
        with _translated("write", self._path):
            while view:
                view = view[os.write(self._descriptor, view) :]
        return len(data)


@contextmanager
def _translated(verb: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise translate(error, f"{verb} {Path(path).name}", str(Path(path).parent)) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
