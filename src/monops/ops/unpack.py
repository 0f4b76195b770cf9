"""Stored objects on their way back: read, hashed, decrypted, decompressed, in one stream."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager

from monops.domain.errors import Damaged, NotFound
from monops.domain.manifest import ObjectRecord
from monops.domain.ports import Codec, Reader, Store, VolumeWriter
from monops.domain.tar_stream import TarStream, end_of_archive, padding

#: Fits a processor cache: read, hashed, decompressed and written while it is there.
_PIECE = 256 << 10
#: More threads than this only make a disk seek.
_MOST_THREADS = 8

#: Told how many bytes of objects were read; raises to stop.
Tick = Callable[[int], None]
#: Opens one object's plain tar.
Opened = Callable[[ObjectRecord], AbstractContextManager[Reader]]


@contextmanager
def opened(
    store: Store, codec: Codec, record: ObjectRecord, identities: Sequence[str], *, tick: Tick
) -> Iterator[Reader]:
    """The plain tar inside one object; `tick` is told of its stored bytes.

    Left without an exception, every byte was what the manifest says. Raises Damaged and NotFound, naming the object.
    """
    try:
        with store.read(record.key) as source:
            meter = _Meter(source, tick)
            try:
                with codec.unpack(meter, record.key, identities) as tar:
                    yield tar
                    _drain(tar)
            except Damaged as error:
                _drain(meter)
                _compare(meter, record, error)
                raise _named(record.key, error) from error
            _drain(meter)
            _compare(meter, record)
    except NotFound as error:
        raise NotFound(
            f"{store.url} lacks {record.key}, which the snapshot needs",
            remedy=f"choose another snapshot: monops snapshots --from {store.url}",
        ) from error


def merged(records: Iterable[ObjectRecord], open_object: Opened) -> Iterator[bytes | memoryview]:
    """One plain tar of everything in `records`, in pieces: headers as stored, the end only once.

    A folder that several objects name is in it as often. Use each piece before asking for the next.
    """
    written = 0
    for record in records:
        with open_object(record) as tar:
            stream = TarStream(tar)
            for member in stream:
                yield member.header
                yield from stream.content()
                yield padding(member.entry.size)
                written += len(member.header) + member.entry.size + len(padding(member.entry.size))
    yield end_of_archive(written)


def unpack_all(
    records: Sequence[ObjectRecord], open_object: Opened, writer: VolumeWriter, under: str, *, threads: int
) -> int:
    """Unpack every object into `under`; the bytes of their files.

    The first failure stops the others, as does ^C. The biggest object is begun first, so that no thread ends up alone
    with it.
    """
    ordered = sorted(records, key=lambda record: -record.bytes_inside)
    stop = threading.Event()

    def one(record: ObjectRecord) -> int:
        if stop.is_set():
            raise _Stopped
        with open_object(record) as tar:
            return writer.unpack(under, _Stoppable(tar, stop))

    count = min(threads, _MOST_THREADS, len(ordered)) if writer.is_concurrent else 1
    if count <= 1:
        return sum(one(record) for record in ordered)
    with ThreadPoolExecutor(max_workers=count, thread_name_prefix="unpack") as pool:
        futures = [pool.submit(one, record) for record in ordered]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    return _sum(futures)


def _sum(futures: Sequence[Future[int]]) -> int:
    """Raises the first true failure: the others only stopped because of it."""
    for future in futures:
        error = None if future.cancelled() else future.exception()
        if error is not None and not isinstance(error, _Stopped):
            raise error
    return sum(future.result() for future in futures)


class _Stopped(Exception):
    """Another thread has failed."""


class _Stoppable:
    """Ends a thread between two reads."""

    def __init__(self, source: Reader, stop: threading.Event) -> None:
        self._source = source
        self._stop = stop

    def read(self, size: int = -1) -> bytes:
        if self._stop.is_set():
            raise _Stopped
        return self._source.read(size)


class _Meter:
    """Counts and hashes what passes, in big pieces: decompressors ask for small ones, and each costs a switch."""

    def __init__(self, source: Reader, tick: Tick) -> None:
        self._source = source
        self._tick = tick
        self._held = memoryview(b"")
        self.digest = hashlib.sha256()
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        if not self._held:
            data = self._source.read(_PIECE)
            self.digest.update(data)
            self.count += len(data)
            self._tick(len(data))
            if not 0 <= size < len(data):
                return data
            self._held = memoryview(data)
        taken = self._held if size < 0 else self._held[:size]
        self._held = self._held[len(taken) :]
        return bytes(taken)


def _drain(source: Reader) -> None:
    while source.read(_PIECE):
        pass


def _compare(meter: _Meter, record: ObjectRecord, cause: Damaged | None = None) -> None:
    if meter.count != record.bytes_stored:
        what = f"has {meter.count} bytes, the manifest says {record.bytes_stored}"
    elif meter.digest.hexdigest() != record.sha256:
        what = "does not have the checksum that the manifest names"
    else:
        return
    raise Damaged(f"{record.key} {what}", remedy=_REMEDY) from cause


def _named(key: str, error: Damaged) -> Damaged:
    return error if key in error.message else Damaged(f"{key}: {error.message}", remedy=error.remedy or _REMEDY)


_REMEDY = "see what is damaged: monops verify --level read; then restore another snapshot: monops snapshots"
