"""Packing: files of a source become one tar object, streamed to every destination that lacks it."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from monops.domain.errors import CaptureError, SourceChanged, StoreError
from monops.domain.ports import Codec, Packing, Reader, Store, Tree, Writer
from monops.domain.tree import Entry, Kind

_CHUNK = 1 << 20
#: Files up to this size are read before their header is written, so that they may shrink meanwhile.
_SMALL = 4 << 20
_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """One object to be."""

    #: Its name without suffix, e.g. `01K…-1a2b3c4d` or `<snapshot>-meta`.
    name: str
    #: What goes in, parents before children.
    entries: tuple[Entry, ...]
    tree: Tree
    #: Contents that do not come from the tree, by path.
    inline: Mapping[str, bytes] = field(default_factory=dict)
    #: Local files that take the place of a path's content.
    replaced: Mapping[str, str] = field(default_factory=dict)
    #: Whether another snapshot may have stored the very same already.
    reusable: bool = False
    #: Whether a file that has vanished is a fault (blocks) or life (a live folder).
    must_be_whole: bool = True

    @property
    def size(self) -> int:
        """Bytes in its files, as listed."""
        return sum(entry.size for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Packed:
    """What an object became."""

    sha256: str
    bytes_stored: int
    bytes_inside: int
    files: int
    missing: tuple[str, ...] = ()


def pack_to(sink: Writer, pack: Pack, codec: Codec, packing: Packing, *, open_file: OpenFile, tick: Tick) -> Packed:
    """Write `pack` into `sink` as one compressed tar. Raises SourceChanged where a file that must be whole is not."""
    return pack_all_to(sink, (pack,), codec, packing, open_file=open_file, tick=tick)


def pack_all_to(
    sink: Writer, packs: Iterable[Pack], codec: Codec, packing: Packing, *, open_file: OpenFile, tick: Tick
) -> Packed:
    """Write several packs into `sink` as one compressed tar."""
    meter = _Meter(sink)
    inside = files = 0
    missing: list[str] = []
    with codec.pack(meter, packing) as writer:
        for pack in packs:
            more_inside, more_files, more_missing = _write_members(writer, pack, open_file, tick)
            inside, files = inside + more_inside, files + more_files
            missing += more_missing
        writer.write(b"\0" * (2 * _BLOCK))
    return Packed(meter.digest.hexdigest(), meter.count, inside, files, tuple(missing))


#: Opens a local file.
OpenFile = Callable[[str], AbstractContextManager[Reader]]
#: Told how many bytes of a source were read; raises to stop.
Tick = Callable[[int], None]


def _write_members(writer: Writer, pack: Pack, open_file: OpenFile, tick: Tick) -> tuple[int, int, tuple[str, ...]]:
    inside = files = 0
    for entry in pack.entries:
        if entry.kind is not Kind.FILE:
            writer.write(_header(entry, 0))
    wanted = [e for e in pack.entries if e.kind is Kind.FILE]
    seen: set[str] = set()
    for entry, reader in _contents(pack, wanted, open_file):
        seen.add(entry.path)
        inside += _write_file(writer, entry, reader, tick)
        files += 1
    missing = tuple(entry.path for entry in wanted if entry.path not in seen)
    if missing and pack.must_be_whole:
        raise SourceChanged(
            f"{missing[0]} of {pack.tree.place} was deleted while it was read", remedy="run the backup again"
        )
    return inside, files, missing


def _contents(pack: Pack, wanted: Sequence[Entry], open_file: OpenFile) -> Iterator[tuple[Entry, Reader]]:
    """What is at hand first, then what the tree gives, in the order it prefers."""
    for entry in wanted:
        if entry.path in pack.inline:
            data = pack.inline[entry.path]
            # Not the size as listed: a file may have been replaced before it was read.
            yield replace(entry, size=len(data)), BytesReader(data)
        elif entry.path in pack.replaced:
            with open_file(pack.replaced[entry.path]) as reader:
                yield entry, reader
    yield from pack.tree.read([e for e in wanted if e.path not in pack.inline and e.path not in pack.replaced])


def _write_file(writer: Writer, entry: Entry, reader: Reader, tick: Tick) -> int:
    if entry.size <= _SMALL:
        data = _read_up_to(reader, _SMALL + 1)
        if len(data) > _SMALL:
            data = data[: entry.size]
        writer.write(_header(entry, len(data)))
        writer.write(data)
        tick(len(data))
        size = len(data)
    else:
        writer.write(_header(entry, entry.size))
        left = entry.size
        while left:
            chunk = reader.read(min(_CHUNK, left))
            if not chunk:
                raise CaptureError(
                    f"{entry.path} became shorter while it was read ({entry.size - left} of {entry.size} bytes)",
                    remedy="run the backup again; if it repeats: --capture stop",
                )
            writer.write(chunk)
            left -= len(chunk)
            tick(len(chunk))
        size = entry.size
    writer.write(b"\0" * (-size % _BLOCK))
    return size


def _read_up_to(reader: Reader, most: int) -> bytes:
    parts = []
    while most > 0:
        chunk = reader.read(min(_CHUNK, most))
        if not chunk:
            break
        parts.append(chunk)
        most -= len(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _header(entry: Entry, size: int) -> bytes:
    """A POSIX.1-2001 header with numeric owners only: names may mean others where it is unpacked."""
    info = tarfile.TarInfo(entry.path + ("/" if entry.kind is Kind.DIRECTORY else ""))
    info.size = size
    info.mode = entry.mode
    info.uid, info.gid = entry.uid, entry.gid
    info.mtime = entry.modified
    info.type = {Kind.FILE: tarfile.REGTYPE, Kind.DIRECTORY: tarfile.DIRTYPE, Kind.SYMLINK: tarfile.SYMTYPE}[entry.kind]
    info.linkname = entry.target
    return info.tobuf(format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape")


class BytesReader:
    """Reads bytes that are at hand."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def read(self, size: int = -1) -> bytes:
        taken = self._data if size < 0 else self._data[:size]
        self._data = self._data[len(taken) :]
        return bytes(taken)


class _Meter:
    """Counts and hashes what passes."""

    def __init__(self, sink: Writer) -> None:
        self._sink = sink
        self.digest = hashlib.sha256()
        self.count = 0

    def write(self, data: bytes | memoryview) -> int:
        self.digest.update(data)
        self.count += len(data)
        self._sink.write(data)
        return len(data)


# --- several destinations at once -----------------------------------------------------------------


class NobodyLeft(Exception):
    """Every destination of an object has failed; each knows why."""


@contextmanager
def fan_out(
    stores: Iterable[Store], key: str, *, at_most: int, failed: Callable[[Store, StoreError], None]
) -> Iterator[Writer]:
    """A writer that stores under `key` in every one of `stores`.

    One that fails is told to `failed` and left out; the others go on. Raises NobodyLeft when none is left, at the
    end too.
    """
    branches = _Branches(failed)
    try:
        for store in stores:
            branches.open(store, key, at_most)
        yield branches
    except BaseException as error:
        branches.abort(error)
        raise
    branches.commit()


class _Branches:
    def __init__(self, failed: Callable[[Store, StoreError], None]) -> None:
        self._failed = failed
        self._open: list[tuple[Store, ExitStack, Writer]] = []

    def open(self, store: Store, key: str, at_most: int) -> None:
        stack = ExitStack()
        try:
            self._open.append((store, stack, stack.enter_context(store.write(key, at_most=at_most))))
        except StoreError as error:
            self._failed(store, error)

    def write(self, data: bytes | memoryview) -> int:
        for branch in list(self._open):
            store, stack, writer = branch
            try:
                writer.write(data)
            except StoreError as error:
                self._open.remove(branch)
                _close(stack, error)
                self._failed(store, error)
        if not self._open:
            raise NobodyLeft
        return len(data)

    def commit(self) -> None:
        kept = 0
        while self._open:
            store, stack, _ = self._open.pop(0)
            try:
                stack.close()
                kept += 1
            except StoreError as error:
                self._failed(store, error)
            except BaseException as error:
                self.abort(error)
                raise
        if not kept:
            raise NobodyLeft

    def abort(self, error: BaseException) -> None:
        for _, stack, _ in self._open:
            _close(stack, error)
        self._open = []


def _close(stack: ExitStack, error: BaseException) -> None:
    """Leave by `error`: what is stored half is taken away. A second failure must not hide the first."""
    try:
        stack.__exit__(type(error), error, error.__traceback__)
    except BaseException as second:
        if second is not error and not isinstance(second, StoreError):
            raise
