"""The files of a volume through the engine's archive API: no root, a remote engine, no helper image.

A container that is created and never started has the volume; `docker cp`'s API reads from it.
"""

from __future__ import annotations

import posixpath
import re
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, cast

from monops.domain.errors import CaptureError, EngineError, NotFound, VolumeMissing
from monops.domain.ports import Engine, Reader
from monops.domain.tree import Entry, Kind, is_own

from .docker_engine import VOLUME_PATH

#: `stat`'s words, as busybox and coreutils know them: raw mode in hex, size, owner, group, mtime, quoted name.
_LIST = r"""cd {folder} 2>/dev/null || exit 44
find . \( -type f -o -type d -o -type l \) -exec stat -c '%f %s %u %g %Y %N' {{}} +"""
_LINE = re.compile(r"^([0-9a-f]+) (\d+) (\d+) (\d+) (\d+) (.*)$")
#: Up to so many files are asked for one by one.
_FEW = 4
_KINDS = {0o100000: Kind.FILE, 0o040000: Kind.DIRECTORY, 0o120000: Kind.SYMLINK}
_TAR_KINDS = {tarfile.REGTYPE: Kind.FILE, tarfile.DIRTYPE: Kind.DIRECTORY, tarfile.SYMTYPE: Kind.SYMLINK}


class ArchiveTree:
    """A volume, or a folder in it, seen through a container that has it at `/volume`."""

    def __init__(
        self, engine: Engine, container: str, volume: str, images: Sequence[str], *, subpath: str = ""
    ) -> None:
        self._engine = engine
        self._container = container
        self._volume = volume
        self._images = tuple(images)
        self._subpath = subpath.strip("/")
        self._known: tuple[Entry, ...] = ()

    @property
    def reach(self) -> str:
        return "archive"

    @property
    def place(self) -> str:
        return self._volume

    def under(self, path: str) -> ArchiveTree:
        return ArchiveTree(
            self._engine, self._container, self._volume, self._images, subpath=posixpath.join(self._subpath, path)
        )

    def root(self) -> Entry:
        try:
            with self._tar("") as archive:
                member = archive.next()
        except NotFound as error:
            raise VolumeMissing(
                f"{self._subpath or '/'} is not in volume {self._volume}",
                remedy=f"docker volume inspect {self._volume}",
            ) from error
        if member is None or not member.isdir():
            raise VolumeMissing(
                f"{self._subpath or '/'} in volume {self._volume} is not a directory",
                remedy=f"docker volume inspect {self._volume}",
            )
        return _from_tar(member, "")

    def walk(self, under: str = "") -> tuple[Entry, ...]:
        found = self._list_by_shell(under)
        if found is None:
            found = self._list_by_stream(under)
        prefix = f"{under}/" if under else ""
        entries = sorted(
            (e for e in found if e.path and not (not prefix and is_own(e.path))), key=lambda entry: entry.path
        )
        self._known = tuple(entries)
        return self._known

    def entry(self, path: str) -> Entry | None:
        try:
            with self._tar(path) as archive:
                member = archive.next()
        except NotFound:
            return None
        return _from_tar(member, path) if member is not None and member.type in _TAR_KINDS else None

    def read(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Reader]]:
        files = {entry.path: entry for entry in entries if entry.kind is Kind.FILE}
        if not files:
            return
        many = len(files) > _FEW
        common = posixpath.commonpath([posixpath.dirname(path) for path in files]) if many else None
        if common is not None and self._worth_streaming(common, sum(e.size for e in files.values())):
            for path, reader in self._stream(common, set(files)):
                yield files.pop(path), reader
        for path in list(files):
            yield from self._one(files[path])

    @contextmanager
    def hold(self, entries: Sequence[Entry]) -> Iterator[tuple[ArchiveTree, tuple[str, ...]]]:
        """The engine cannot hold files open: what vanishes meanwhile is found by listing again."""
        del entries
        yield self, ()

    def local_path(self, path: str) -> str | None:
        del path
        return None

    def _worth_streaming(self, folder: str, wanted: int) -> bool:
        """Whether most of what is in `folder` is wanted: then one stream beats a request a file."""
        prefix = f"{folder}/" if folder else ""
        there = sum(entry.size for entry in self._known if entry.path.startswith(prefix))
        return there <= max(2 * wanted, wanted + (1 << 20))

    def _one(self, entry: Entry) -> Iterator[tuple[Entry, Reader]]:
        try:
            with self._tar(entry.path) as archive:
                member = archive.next()
                content = archive.extractfile(member) if member is not None and member.isreg() else None
                if content is not None:
                    yield entry, cast(Reader, content)
        except NotFound:
            return

    def _stream(self, folder: str, wanted: set[str]) -> Iterator[tuple[str, Reader]]:
        try:
            with self._tar(folder) as archive:
                for member in archive:
                    path = _join(folder, _below_first(member.name))
                    content = archive.extractfile(member) if path in wanted and member.isreg() else None
                    if content is not None:
                        yield path, cast(Reader, content)
        except NotFound:
            return

    @contextmanager
    def _tar(self, path: str) -> Iterator[tarfile.TarFile]:
        place = posixpath.join(VOLUME_PATH, self._subpath, path).rstrip("/")
        try:
            with (
                self._engine.archive(self._container, place) as reader,
                tarfile.open(fileobj=cast(IO[bytes], reader), mode="r|") as archive,
            ):
                yield archive
        except tarfile.TarError as error:
            raise CaptureError(
                f"Docker's archive of {path or '/'} in volume {self._volume} broke off: {error}", remedy="docker info"
            ) from error

    def _list_by_shell(self, under: str) -> list[Entry] | None:
        """None if no image has a shell, or a name would not survive being printed."""
        folder = posixpath.join(VOLUME_PATH, self._subpath, under)
        try:
            helper = self._engine.script(
                self._volume, self._images, _LIST.format(folder=_quoted(folder)), writable=False
            )
        except EngineError:
            return None
        if helper.exit_code == 44:
            return []
        found = []
        for line in helper.output.splitlines():
            match = _LINE.match(line)
            entry = _from_stat(match, under) if match else None
            if entry is None:
                return None
            found.append(entry)
        return found if found else None

    def _list_by_stream(self, under: str) -> list[Entry]:
        """Reads everything, looks only at the headers: slow, and needs nothing."""
        found: dict[str, Entry] = {}
        try:
            with self._tar(under) as archive:
                for member in archive:
                    path = _join(under, _below_first(member.name))
                    if member.islnk():
                        first = found.get(_join(under, _below_first(member.linkname)))
                        if first is not None:
                            member.size, member.type = first.size, tarfile.REGTYPE
                    if member.type in _TAR_KINDS:
                        found[path] = _from_tar(member, path)
        except NotFound:
            return []
        found.pop(under, None)
        return list(found.values())


def _from_stat(match: re.Match[str], under: str) -> Entry | None:
    raw, size, uid, gid, modified, shown = match.groups()
    mode = int(raw, 16)
    kind = _KINDS.get(mode & 0o170000)
    name, _, target = shown.partition(" -> ")
    name, target = name.strip("'\""), target.strip("'\"")
    if kind is None or "\\" in shown or "?" in shown or (kind is Kind.SYMLINK) != bool(target):
        return None
    inner = "" if name == "." else name.removeprefix("./")
    return Entry(
        path=_join(under, inner) if inner else "",
        kind=kind,
        size=int(size) if kind is Kind.FILE else 0,
        mode=mode & 0o7777,
        uid=int(uid),
        gid=int(gid),
        modified=int(modified),
        target=target,
    )


def _from_tar(member: tarfile.TarInfo, path: str) -> Entry:
    kind = _TAR_KINDS[member.type]
    return Entry(
        path=path,
        kind=kind,
        size=member.size if kind is Kind.FILE else 0,
        mode=member.mode & 0o7777,
        uid=member.uid,
        gid=member.gid,
        modified=int(member.mtime),
        target=member.linkname if kind is Kind.SYMLINK else "",
    )


def _below_first(name: str) -> str:
    """Docker's archives start with the last part of the path that was asked for."""
    return name.strip("/").partition("/")[2]


def _join(folder: str, inner: str) -> str:
    return posixpath.join(folder, inner).strip("/")


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"
