"""Plain tar, read as a stream: headers as they are, contents in pieces, nothing trusted.

Source: POSIX.1-2017 `pax`, "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from monops.domain.errors import Damaged
from monops.domain.ports import Reader
from monops.domain.tree import Entry, Kind, is_safe

BLOCK = 512
#: What GNU tar pads an archive to.
RECORD = 20 * BLOCK
#: Fits a processor cache: read, hashed, decompressed and written while it is there.
_PIECE = 256 << 10
#: No name or attribute is longer: a header that claims more is nonsense, and would be held in memory.
_LONGEST_EXTENSION = 1 << 20
_KINDS = {tarfile.REGTYPE: Kind.FILE, tarfile.AREGTYPE: Kind.FILE, tarfile.DIRTYPE: Kind.DIRECTORY}
_KINDS[tarfile.SYMTYPE] = Kind.SYMLINK
_EXTENSIONS = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_REMEDY = "check the stored objects: monops verify --level read; then restore another snapshot"


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive, with its header as it stands there (extended headers included)."""

    entry: Entry
    header: bytes


class TarStream:
    """The members of a plain tar stream, in order.

    After a member its content may be read with `content`; what is left of it is skipped. At the end of the archive
    the source is read to its end, so that whoever hashes it has seen everything. Raises Damaged for a stream that is
    cut, and for members that a backup never holds: links out of the root, hard links, devices, names with `..`.
    """

    def __init__(self, source: Reader) -> None:
        self._source = source
        self._buffer = memoryview(b"")
        self._left = 0
        self._padding = 0

    def __iter__(self) -> Iterator[Member]:
        while (member := self._next()) is not None:
            yield member
        while self._source.read(_PIECE):
            pass

    def content(self) -> Iterator[memoryview]:
        """The pieces of the current member's content, without copying. Use each before asking for the next."""
        while self._left:
            piece = self._piece(self._left)
            self._left -= len(piece)
            yield piece

    def _next(self) -> Member | None:
        self._skip()
        raw = b""
        extended: dict[str, str] = {}
        while True:
            header = self._exactly(BLOCK)
            if header.count(0) == BLOCK:
                if raw:
                    raise _cut()
                return None
            info = _parse(header)
            raw += header
            if info.type not in _EXTENSIONS:
                break
            if not 0 <= info.size <= _LONGEST_EXTENSION:
                raise Damaged("the archive has an extended header of impossible length", remedy=_REMEDY)
            body = self._exactly(_padded(info.size))
            raw += body
            extended |= _extension(info.type, body[: info.size])
        entry = _entry(info, extended)
        if entry.kind is Kind.FILE:
            self._left = entry.size
            self._padding = _padded(entry.size) - entry.size
        return Member(entry, raw)

    def _skip(self) -> None:
        for _ in self.content():
            pass
        if self._padding:
            self._exactly(self._padding)
            self._padding = 0

    def _piece(self, at_most: int) -> memoryview:
        if not self._buffer:
            self._buffer = memoryview(self._source.read(_PIECE))
            if not self._buffer:
                raise _cut()
        piece, self._buffer = self._buffer[:at_most], self._buffer[at_most:]
        return piece

    def _exactly(self, size: int) -> bytes:
        pieces = []
        while size:
            piece = self._piece(size)
            size -= len(piece)
            pieces.append(bytes(piece))
        return b"".join(pieces)


def padding(size: int) -> bytes:
    """The zeros behind a content of `size` bytes."""
    return bytes(_padded(size) - size)


def end_of_archive(written: int) -> bytes:
    """What closes an archive of which `written` bytes are out: two zero blocks, filled up to a whole record."""
    size = 2 * BLOCK
    return bytes(size + -(written + size) % RECORD)


def header(entry: Entry) -> bytes:
    """A header for `entry`, in GNU's dialect."""
    info = tarfile.TarInfo(entry.path)
    info.type = {Kind.FILE: tarfile.REGTYPE, Kind.DIRECTORY: tarfile.DIRTYPE, Kind.SYMLINK: tarfile.SYMTYPE}[entry.kind]
    info.size = entry.size if entry.kind is Kind.FILE else 0
    info.mode, info.uid, info.gid, info.mtime = entry.mode, entry.uid, entry.gid, entry.modified
    info.linkname = entry.target
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def stays_inside(path: str, target: str) -> bool:
    """Whether a symbolic link at `path` leads to somewhere in the same root.

    A `..` behind a name is refused too: that name may itself be a link, and then `..` is not where it seems.
    """
    if not target or target.startswith("/") or "\0" in target:
        return False
    parts = [part for part in target.split("/") if part not in ("", ".")]
    up = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    depth = len([part for part in posixpath.dirname(path).split("/") if part])
    return up <= depth and ".." not in parts[up:]


def _parse(header: bytes) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise Damaged(f"the archive has a broken header ({error})", remedy=_REMEDY) from error


def _extension(kind: bytes, body: bytes) -> dict[str, str]:
    if kind == tarfile.GNUTYPE_LONGNAME:
        return {"path": body.rstrip(b"\0").decode("utf-8", "surrogateescape")}
    if kind == tarfile.GNUTYPE_LONGLINK:
        return {"linkpath": body.rstrip(b"\0").decode("utf-8", "surrogateescape")}
    found = {}
    while body:
        length = body.partition(b" ")[0]
        if not length.isdigit() or not len(length) + 1 < int(length) <= len(body):
            raise Damaged("the archive has a broken extended header", remedy=_REMEDY)
        keyword, _, value = body[len(length) + 1 : int(length) - 1].partition(b"=")
        found[keyword.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        body = body[int(length) :]
    return found


def _entry(info: tarfile.TarInfo, extended: dict[str, str]) -> Entry:
    path = extended.get("path", info.name).rstrip("/")
    path = path.removeprefix("./")
    kind = _KINDS.get(info.type)
    if kind is None or any(name.startswith("GNU.sparse") for name in extended):
        raise Damaged(f"the archive has a member of a kind that no backup holds: {path}", remedy=_REMEDY)
    if not is_safe(path) or any(part in ("", ".") for part in path.split("/")):
        raise Damaged(f"the archive has a member that would leave its folder: {path}", remedy=_REMEDY)
    target = extended.get("linkpath", info.linkname) if kind is Kind.SYMLINK else ""
    # A link may lead anywhere, as it did where it was backed up: nobody ever writes through one.
    if kind is Kind.SYMLINK and (not target or "\0" in target):
        raise Damaged(f"the archive has a link that leads nowhere: {path}", remedy=_REMEDY)
    try:
        entry = Entry(
            path=path,
            kind=kind,
            size=int(extended.get("size", info.size)) if kind is Kind.FILE else 0,
            mode=info.mode & 0o7777,
            uid=int(extended.get("uid", info.uid)),
            gid=int(extended.get("gid", info.gid)),
            modified=int(float(extended.get("mtime", info.mtime))),
            target=target,
        )
    except (ValueError, OverflowError) as error:
        raise Damaged(f"the archive has a broken header for {path}", remedy=_REMEDY) from error
    if min(entry.size, entry.uid, entry.gid) < 0:
        raise Damaged(f"the archive has a broken header for {path}", remedy=_REMEDY)
    return entry


def _padded(size: int) -> int:
    return (size + BLOCK - 1) // BLOCK * BLOCK


def _cut() -> Damaged:
    return Damaged("the archive ends too early", remedy=_REMEDY)
