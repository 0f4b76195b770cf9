"""A store in memory, for tests of what uses a store; it passes the same contract as the real ones.

Faults are set on it: a write that fails, a connection that is lost, space that runs out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from monops.domain.errors import NotFound, StoreFull, StoreUnreachable
from monops.domain.ports import Reader, Stored, Writer


@dataclass
class _WriteFault:
    pattern: str
    nth: int
    error: Exception


@dataclass
class _LostConnection:
    pattern: str
    after_bytes: int


@dataclass
class Faults:
    """What goes wrong, and when. Patterns are of `fnmatch`, over keys."""

    writes: list[_WriteFault] = field(default_factory=list)
    lost: list[_LostConnection] = field(default_factory=list)
    full_after_bytes: int | None = None
    down: bool = False


class MemoryStore:
    """Named objects in a dictionary. May be used by several threads at once."""

    def __init__(self, url: str = "memory://test", *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.objects: dict[str, bytes] = {}
        self.modified: dict[str, datetime] = {}
        #: Every finished write and delete in order: ("write", key) or ("delete", key).
        self.log: list[tuple[str, str]] = []
        self.is_there = True
        self._url = url
        self._now = now
        self._faults = Faults()
        self._lock = threading.Lock()

    # faults

    def fail_on_write(self, nth: int = 1, *, key: str = "*", error: Exception | None = None) -> None:
        """The `nth` write from now on to a key like `key` fails once, with `error` or StoreUnreachable."""
        error = error or StoreUnreachable(f"{self._url} did not answer", remedy="try again")
        self._faults.writes.append(_WriteFault(key, nth, error))

    def lose_connection_after(self, size_bytes: int, *, key: str = "*") -> None:
        """The next read or write of a key like `key` breaks once when it has seen `size_bytes`."""
        self._faults.lost.append(_LostConnection(key, size_bytes))

    def full_after(self, size_bytes: int) -> None:
        """There is room for `size_bytes` in all."""
        self._faults.full_after_bytes = size_bytes

    def go_down(self) -> None:
        """Nothing is answered until `come_back`."""
        self._faults.down = True

    def come_back(self) -> None:
        self._faults.down = False

    # the port

    @property
    def url(self) -> str:
        return self._url

    def prepare(self) -> None:
        self._answer()
        if not self.is_there:
            raise NotFound(f"{self._url} is not there", remedy="make it")

    def exists(self) -> bool:
        self._answer()
        return self.is_there

    @contextmanager
    def write(self, key: str, *, at_most: int) -> Iterator[Writer]:
        del at_most
        self._answer()
        writer = _MemoryWriter(self._fail_if_due(key), self._losing(key), self._check_room)
        yield writer
        self._answer()
        with self._lock:
            self.objects[key] = bytes(writer.data)
            self.modified[key] = self._now()
            self.log.append(("write", key))

    @contextmanager
    def read(self, key: str) -> Iterator[Reader]:
        self._answer()
        try:
            data = self.objects[key]
        except KeyError as error:
            raise NotFound(f"{key} is not in {self._url}", remedy="list what is there") from error
        yield _MemoryReader(data, self._losing(key))

    def put(self, key: str, data: bytes) -> None:
        with self.write(key, at_most=len(data)) as writer:
            writer.write(data)

    def get(self, key: str) -> bytes:
        with self.read(key) as reader:
            return b"".join(iter(lambda: reader.read(1 << 20), b""))

    def list(self, prefix: str) -> Iterator[Stored]:
        self._answer()
        with self._lock:
            found = [Stored(k, len(v), self.modified[k]) for k, v in self.objects.items()]
        yield from sorted((s for s in found if s.key.startswith(prefix)), key=lambda s: s.key)

    def delete(self, key: str) -> None:
        self._answer()
        with self._lock:
            if self.objects.pop(key, None) is not None:
                del self.modified[key]
                self.log.append(("delete", key))

    def sweep(self, *, older_than: datetime) -> int:
        """Nothing: what was not finished was never kept."""
        del older_than
        self._answer()
        return 0

    def _answer(self) -> None:
        if self._faults.down:
            raise self._unreachable()

    def _unreachable(self) -> StoreUnreachable:
        return StoreUnreachable(f"{self._url} did not answer", remedy="try again")

    def _fail_if_due(self, key: str) -> Exception | None:
        """The error this write is to fail with."""
        with self._lock:
            due = None
            for fault in list(self._faults.writes):
                if fnmatchcase(key, fault.pattern):
                    fault.nth -= 1
                    if fault.nth == 0:
                        self._faults.writes.remove(fault)
                        due = due or fault.error
            return due

    def _losing(self, key: str) -> Callable[[int], None]:
        """Raises StoreUnreachable when told that as many bytes have passed as the next fault says."""
        with self._lock:
            fault = next((f for f in self._faults.lost if fnmatchcase(key, f.pattern)), None)

        def passed(size: int) -> None:
            if fault is not None and fault in self._faults.lost and size >= fault.after_bytes:
                self._faults.lost.remove(fault)
                raise self._unreachable()

        return passed

    def _check_room(self, more: int) -> None:
        limit = self._faults.full_after_bytes
        if limit is not None and sum(map(len, self.objects.values())) + more > limit:
            raise StoreFull(f"no space left in {self._url}", remedy="free space there")


class _MemoryWriter:
    def __init__(
        self, error: Exception | None, passed: Callable[[int], None], check_room: Callable[[int], None]
    ) -> None:
        if error is not None:
            raise error
        self.data = bytearray()
        self._passed = passed
        self._check_room = check_room

    def write(self, data: bytes | memoryview) -> int:
        self.data += data
        self._check_room(len(self.data))
        self._passed(len(self.data))
        return memoryview(data).nbytes


class _MemoryReader:
    """Returns fewer bytes than asked now and then, as sockets do."""

    def __init__(self, data: bytes, passed: Callable[[int], None]) -> None:
        self._data = data
        self._position = 0
        self._passed = passed

    def read(self, size: int = -1) -> bytes:
        wanted = len(self._data) if size < 0 else min(size, 100_000)
        chunk = self._data[self._position : self._position + wanted]
        self._position += len(chunk)
        self._passed(self._position)
        return chunk
