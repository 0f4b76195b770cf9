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
#: Framed, because a log driver may have thrown away the beginning, and a killed `find` leaves out the end.
_LIST = r"""cd {folder} 2>/dev/null || exit 44
echo monops-begin
find . \( -type f -o -type d -o -type l \) -exec stat -c '%f %s %u %g %Y %N' {{}} + && echo monops-end"""
_LINE = re.compile(r"^([0-9a-f]+) (\d+) (\d+) (\d+) (\d+) (.*)$")
#: Up to so many files are asked for one by one.
_FEW = 4
#: What ends every tar: two blocks of zeros.
_END = 2 * tarfile.BLOCKSIZE
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
                if member is not None and content is not None:
                    yield entry, _MemberReader(content, member, self)
        except NotFound:
            return

    def _stream(self, folder: str, wanted: set[str]) -> Iterator[tuple[str, Reader]]:
        try:
            for archive, member in self._members(folder):
                path = _join(folder, _below_first(member.name))
                content = archive.extractfile(member) if path in wanted and member.isreg() else None
                if content is not None:
                    yield path, _MemberReader(content, member, self)
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
            raise self._broke_off(path, str(error)) from error

    def _members(self, path: str) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
        """Every member of the archive of `path`. Raises CaptureError for one that is cut: tarfile takes a missing
        header for the end."""
        place = posixpath.join(VOLUME_PATH, self._subpath, path).rstrip("/")
        with self._engine.archive(self._container, place) as reader:
            tail = _Tail(reader)
            try:
                with tarfile.open(fileobj=cast(IO[bytes], tail), mode="r|") as archive:
                    for member in archive:
                        yield archive, member
                    end = archive.offset
            except tarfile.TarError as error:
                raise self._broke_off(path, str(error)) from error
            if not tail.has_end_after(end):
                raise self._broke_off(path, "it has no end")

    def _broke_off(self, path: str, why: str) -> CaptureError:
        return CaptureError(
            f"Docker's archive of {path or '/'} in volume {self._volume} broke off: {why}",
            remedy="docker info; then run the backup again",
        )

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
        lines = helper.output.removesuffix("\n").split("\n")
        if helper.exit_code != 0 or lines[0] != "monops-begin" or lines[-1] != "monops-end":
            return None
        found = []
        for line in lines[1:-1]:
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
            for _, member in self._members(under):
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


class _MemberReader:
    """Reads one member; one that ends early raises: tarfile gives what there is."""

    def __init__(self, content: IO[bytes], member: tarfile.TarInfo, tree: ArchiveTree) -> None:
        self._content = content
        self._name = member.name
        self._left = member.size
        self._tree = tree

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._content.read(size)
        except tarfile.TarError as error:
            raise self._tree._broke_off(self._name, str(error)) from error  # noqa: SLF001 - the same file
        self._left -= len(data)
        if not data and size != 0 and self._left:
            raise self._tree._broke_off(self._name, f"{self._left} bytes are missing")  # noqa: SLF001 - the same file
        return data


class _Tail:
    """Passes a stream on, and knows whether an end of archive stood where it should."""

    def __init__(self, source: Reader) -> None:
        self._source = source
        self._count = 0
        self._last = b""

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._count += len(data)
        self._last = (self._last + data[-_END:])[-_END:]
        return data

    def has_end_after(self, offset: int) -> bool:
        while self.read(1 << 16):
            pass
        return self._count >= offset + _END and self._last == bytes(_END)


def _from_stat(match: re.Match[str], under: str) -> Entry | None:
    raw, size, uid, gid, modified, shown = match.groups()
    mode = int(raw, 16)
    kind = _KINDS.get(mode & 0o170000)
    name, arrow, target = shown.partition(" -> ")
    name, target = _unquoted(name), _unquoted(target)
    # What is escaped, or has been replaced because it is no UTF-8, or could be read in two ways.
    doubtful = any(sign in shown for sign in ("\\", "?", "\ufffd")) or " -> " in target
    if kind is None or doubtful or (kind is Kind.SYMLINK) != bool(arrow):
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


def _unquoted(shown: str) -> str:
    """coreutils puts every name in quotes, busybox those of links only."""
    return shown[1:-1] if len(shown) > 1 and shown[0] == shown[-1] and shown[0] in "'\"" else shown


def _below_first(name: str) -> str:
    """Docker's archives start with the last part of the path that was asked for."""
    return name.strip("/").partition("/")[2]


def _join(folder: str, inner: str) -> str:
    return posixpath.join(folder, inner).strip("/")


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"
