"""The files of a directory or of a volume's mountpoint, read directly: the fastest reach."""

from __future__ import annotations

import contextlib
import os
import resource
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from monops.domain.errors import CaptureError, VolumeMissing
from monops.domain.ports import Reader
from monops.domain.tree import Entry, Kind, is_own

_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFLNK: Kind.SYMLINK}


class LocalTree:
    """A folder of this machine, for reading."""

    def __init__(
        self, path: str, *, reach: str = "directory", place: str = "", held: Mapping[str, int] | None = None
    ) -> None:
        self._root = Path(path)
        self._reach = reach
        self._place = place or str(path)
        #: Open descriptors by path, from `hold`.
        self._held = held or {}

    @property
    def reach(self) -> str:
        return self._reach

    @property
    def place(self) -> str:
        return self._place

    def under(self, path: str) -> LocalTree:
        prefix = path.rstrip("/") + "/"
        held = {name.removeprefix(prefix): fd for name, fd in self._held.items() if name.startswith(prefix)}
        return LocalTree(str(self._root / path), reach=self._reach, place=self._place, held=held)

    def root(self) -> Entry:
        """Raises VolumeMissing if the folder is not there, CaptureError if it may not be read."""
        with self._translated(str(self._root)):
            entry = _entry("", self._root.stat())
        if entry is None or entry.kind is not Kind.DIRECTORY:
            raise VolumeMissing(f"{self._root} is not a directory", remedy=f"ls -ld {self._root}")
        return entry

    def walk(self, under: str = "") -> tuple[Entry, ...]:
        found: list[Entry] = []
        with self._translated(str(self._root / under)):
            self._scan(self._root / under if under else self._root, f"{under}/" if under else "", found)
        return tuple(sorted(found, key=lambda entry: entry.path))

    def entry(self, path: str) -> Entry | None:
        try:
            with self._translated(path, keep_missing=True):
                return _entry(path, (self._root / path).lstat())
        except FileNotFoundError:
            return None

    def read(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Reader]]:
        for entry in entries:
            if entry.kind is not Kind.FILE:
                continue
            with self._opened(entry) as reader:
                if reader is not None:
                    yield entry, reader

    @contextmanager
    def hold(self, entries: Sequence[Entry]) -> Iterator[tuple[LocalTree, tuple[str, ...]]]:
        """Open every file of `entries`. Raises CaptureError where the limit of open files is too low."""
        held: dict[str, int] = {}
        gone: list[str] = []
        _raise_open_file_limit(len(entries))
        try:
            for entry in entries:
                if entry.kind is Kind.FILE:
                    try:
                        with self._translated(entry.path, keep_missing=True):
                            held[entry.path] = self._open(entry.path)
                    except FileNotFoundError:
                        gone.append(entry.path)
            yield LocalTree(str(self._root), reach=self._reach, place=self._place, held=held), tuple(gone)
        finally:
            for descriptor in held.values():
                os.close(descriptor)

    def local_path(self, path: str) -> str | None:
        return str(self._root / path)

    @contextmanager
    def _opened(self, entry: Entry) -> Iterator[Reader | None]:
        held = self._held.get(entry.path)
        if held is not None:
            yield _HeldReader(held, entry.path, self)
            return
        try:
            with self._translated(entry.path, keep_missing=True):
                descriptor = self._open(entry.path)
        except FileNotFoundError:
            yield None
            return
        try:
            yield _HeldReader(descriptor, entry.path, self)
        finally:
            os.close(descriptor)

    def _open(self, path: str) -> int:
        """Never by way of a link that took the file's place since it was listed: it may lead out of the source."""
        return os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)

    def _scan(self, folder: Path, prefix: str, found: list[Entry]) -> None:
        try:
            children = list(os.scandir(folder))
        except FileNotFoundError:
            return
        for child in children:
            path = prefix + child.name
            if not prefix and is_own(path):
                continue
            try:
                entry = _entry(path, child.stat(follow_symlinks=False))
                if entry is not None and entry.kind is Kind.SYMLINK:
                    entry = Entry(
                        path=path,
                        kind=Kind.SYMLINK,
                        mode=entry.mode,
                        uid=entry.uid,
                        gid=entry.gid,
                        modified=entry.modified,
                        target=os.readlink(child.path),
                    )
            except FileNotFoundError:
                continue  # deleted between listing and stat: a live source does that
            if entry is None:
                continue
            found.append(entry)
            if entry.kind is Kind.DIRECTORY:
                self._scan(Path(child.path), path + "/", found)

    @contextmanager
    def _translated(self, path: str, *, keep_missing: bool = False) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if keep_missing:
                raise
            raise VolumeMissing(f"{path} does not exist", remedy=f"ls -ld {path}") from error
        except OSError as error:
            raise CaptureError(
                f"cannot read {path} of {self._place}: {error.strerror}",
                remedy="run monops as root or as the owner of the files, or let it reach them through Docker",
            ) from error


class _HeldReader:
    """Reads an open descriptor by position, so that several readers may share it."""

    def __init__(self, descriptor: int, path: str, tree: LocalTree) -> None:
        self._descriptor = descriptor
        self._path = path
        self._tree = tree
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        with self._tree._translated(self._path):  # noqa: SLF001 - the same file
            data = os.pread(self._descriptor, size if size >= 0 else 1 << 30, self._position)
        self._position += len(data)
        return data


def _entry(path: str, status: os.stat_result) -> Entry | None:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None
    return Entry(
        path=path,
        kind=kind,
        size=status.st_size if kind is Kind.FILE else 0,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        modified=int(status.st_mtime),
    )


def _raise_open_file_limit(count: int) -> None:
    """Let this process open `count` files more. Raises CaptureError if the hard limit forbids it."""
    wanted = len(os.listdir("/proc/self/fd")) + count + 256
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise CaptureError(
            f"holding {count} files open needs a limit of {wanted} open files, the limit is {hard}",
            remedy=f"ulimit -n {wanted}; or switch the admin API on and use --capture snapshot",
        )
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
