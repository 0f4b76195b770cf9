"""Writes into a directory or a volume's mountpoint: the fastest reach.

Every name is opened relative to its folder and without following links, so nothing that a tar stream or a running
service puts there can lead a write to somewhere else.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from monops.domain.errors import Damaged, MonopsError, Refused, RestoreFailed
from monops.domain.ports import Reader
from monops.domain.tar_stream import TarStream
from monops.domain.tree import Entry, Kind, is_own, is_safe

from .local_tree import LocalTree

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class LocalWriter:
    """A folder of this machine, for writing."""

    def __init__(self, path: str, *, place: str = "") -> None:
        self._root = Path(path)
        self._place = place or str(path)

    @property
    def place(self) -> str:
        return self._place

    @property
    def is_concurrent(self) -> bool:
        return True

    def names(self, under: str = "") -> tuple[str, ...]:
        with self._translated("list", under):
            try:
                return tuple(sorted(os.listdir(self._path(under))))
            except (FileNotFoundError, NotADirectoryError):
                return ()

    def make(self, path: str) -> None:
        with self._translated("make", path):
            folder = self._path(path)
            # mkdir's mode counts for the last folder alone: make the parents one by one.
            for missing in reversed([folder, *(p for p in folder.parents if p.is_relative_to(self._root))]):
                with contextlib.suppress(FileExistsError):
                    missing.mkdir(mode=0o700)
            if not folder.is_dir() or folder.is_symlink():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    def unpack(self, under: str, tar: Reader) -> int:
        with self._translated("write into", under), _Unpacking(self._path(under)) as unpacking:
            return unpacking.run(tar)

    def listing(self, under: str) -> tuple[Entry, ...]:
        tree = LocalTree(str(self._root), place=self._place)
        found = tree.walk(under) if not under or self._path(under).is_dir() else ()
        if under:
            return found
        own = [self._top(name) for name in self.names() if is_own(name)]
        deeper = [e for entry in own if entry.kind is Kind.DIRECTORY for e in tree.walk(entry.path)]
        return tuple(sorted((*found, *own, *deeper), key=lambda entry: entry.path))

    def move(self, pairs: Sequence[tuple[str, str]]) -> None:
        for old, new in pairs:
            with self._translated("rename", old):
                if os.path.lexists(self._path(new)):
                    raise FileExistsError(errno.EEXIST, f"{new} is already there")
                self._path(old).rename(self._path(new))

    def remove(self, paths: Sequence[str]) -> None:
        for path in paths:
            with self._translated("remove", path), contextlib.suppress(FileNotFoundError):
                target = self._path(path)
                if target.is_dir() and not target.is_symlink():
                    shutil.rmtree(target)
                else:
                    target.unlink()

    def own(self, path: str, *, uid: int, gid: int, mode: int) -> None:
        with self._translated("set the owner of", path):
            if os.geteuid() == 0:
                os.chown(self._path(path), uid, gid, follow_symlinks=False)
            self._path(path).chmod(mode)

    def put(self, path: str, data: bytes) -> None:
        final = self._path(path)
        temporary = final.with_name(f".monops-{secrets.token_hex(4)}.tmp")
        with self._translated("write", path):
            try:
                descriptor = os.open(temporary, _NEW_FILE, 0o600)
                try:
                    _write_all(descriptor, memoryview(data))
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                temporary.rename(final)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            folder = os.open(final.parent, _FOLDER)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def get(self, path: str) -> bytes | None:
        with self._translated("read", path):
            try:
                descriptor = os.open(self._path(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                return None
            with os.fdopen(descriptor, "rb") as file:
                return file.read()

    def flush(self) -> None:
        with self._translated("flush", ""):
            descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
            try:
                _sync_file_system(descriptor)
            finally:
                os.close(descriptor)

    def free_bytes(self) -> int | None:
        with self._translated("measure", ""):
            found = os.statvfs(self._root)
            return found.f_bavail * found.f_frsize

    def _path(self, path: str) -> Path:
        if path and not is_safe(path):
            raise RestoreFailed(f"{path} is not inside {self._place}", remedy="report this as a bug in monops")
        return self._root / path

    def _top(self, name: str) -> Entry:
        status = (self._root / name).lstat()
        kind = Kind.DIRECTORY if stat.S_ISDIR(status.st_mode) else Kind.FILE
        return Entry(
            path=name,
            kind=kind,
            size=status.st_size if kind is Kind.FILE else 0,
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            modified=int(status.st_mtime),
        )

    @contextmanager
    def _translated(self, verb: str, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise translate(error, f"{verb} {path}".strip(), self._place) from error


class _Unpacking:
    """One tar stream on its way into a folder."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, _FOLDER)
        self._is_root = os.geteuid() == 0
        #: The folder of the last member, kept open: members of one folder follow each other.
        self._last = ("", os.dup(self._root))
        self._folders: dict[str, Entry] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._last[1])
        os.close(self._root)

    def run(self, tar: Reader) -> int:
        stream = TarStream(tar)
        written = 0
        for member in stream:
            entry = member.entry
            parent, _, name = entry.path.rpartition("/")
            if entry.kind is Kind.FILE:
                written += self._file(self._folder(parent), name, entry, stream)
            elif entry.kind is Kind.DIRECTORY:
                self._make(self._folder(parent), name)
                self._folders[entry.path] = entry
            else:
                self._link(self._folder(parent), name, entry)
        # Last, and the deepest first: writing into a folder changes its time, and needs its write permission.
        for path in sorted(self._folders, reverse=True):
            descriptor = self._open(path)
            try:
                self._finish(descriptor, self._folders[path])
            finally:
                os.close(descriptor)
        return written

    def _file(self, folder: int, name: str, entry: Entry, stream: TarStream) -> int:
        try:
            descriptor = os.open(name, _NEW_FILE, 0o600, dir_fd=folder)
        except FileExistsError:
            os.unlink(name, dir_fd=folder)
            descriptor = os.open(name, _NEW_FILE, 0o600, dir_fd=folder)
        try:
            for piece in stream.content():
                _write_all(descriptor, piece)
            self._finish(descriptor, entry)
        finally:
            os.close(descriptor)
        return entry.size

    def _link(self, folder: int, name: str, entry: Entry) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        os.symlink(entry.target, name, dir_fd=folder)
        if self._is_root:
            os.chown(name, entry.uid, entry.gid, dir_fd=folder, follow_symlinks=False)
        os.utime(name, (entry.modified, entry.modified), dir_fd=folder, follow_symlinks=False)

    def _finish(self, descriptor: int, entry: Entry) -> None:
        if self._is_root:
            os.fchown(descriptor, entry.uid, entry.gid)
        os.fchmod(descriptor, entry.mode)
        os.utime(descriptor, (entry.modified, entry.modified))

    def _make(self, folder: int, name: str) -> None:
        """A folder that can be written to until `run` gives it its own mode."""
        try:
            os.mkdir(name, 0o700, dir_fd=folder)
        except FileExistsError:
            descriptor = os.open(name, _FOLDER, dir_fd=folder)
            try:
                mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
                if mode & 0o700 != 0o700:
                    os.fchmod(descriptor, mode | 0o700)
            finally:
                os.close(descriptor)

    def _folder(self, path: str) -> int:
        if path != self._last[0]:
            descriptor = self._open(path)
            os.close(self._last[1])
            self._last = (path, descriptor)
        return self._last[1]

    def _open(self, path: str) -> int:
        """Walk down name by name, so that no part of the path may be a link. What no member named is made."""
        current = os.dup(self._root)
        try:
            for name in path.split("/") if path else ():
                try:
                    deeper = os.open(name, _FOLDER, dir_fd=current)
                except FileNotFoundError:
                    with contextlib.suppress(FileExistsError):  # another thread may need it too
                        os.mkdir(name, 0o755, dir_fd=current)
                    deeper = os.open(name, _FOLDER, dir_fd=current)
                except OSError as error:
                    if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                        raise
                    raise Damaged(
                        f"the archive writes through {path}, which is not a folder",
                        remedy="check the stored objects: monops verify --level read",
                    ) from error
                os.close(current)
                current = deeper
        except BaseException:
            os.close(current)
            raise
        return current


def translate(error: OSError, doing: str, place: str) -> MonopsError:
    """What a person can do about an OSError while writing."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refused(
            f"no space left in {place}: cannot {doing}", remedy="free space there, then restore again: df -h"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return RestoreFailed(
            f"cannot {doing} in {place}: {error.strerror}", remedy="run monops as root, or where its user may write"
        )
    return RestoreFailed(f"cannot {doing} in {place}: {error.strerror or error}", remedy="check the disk: df -h; dmesg")


def _write_all(descriptor: int, view: memoryview) -> None:
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_file_system(descriptor: int) -> None:
    """`syncfs` flushes one file system; `sync` waits for every disk of the machine. Source: syncfs(2)."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "syncfs"):
        os.sync()
    elif library.syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
