"""Everything outside, with volumes that are folders, a clock that only moves when told, and a process that can die."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.fakes.fake_engine import FakeEngine, FakeServices

from monops.domain.errors import VolumeMissing
from monops.domain.place import Place
from monops.domain.ports import Reader, Tree, VolumeWriter
from monops.domain.tree import Entry
from monops.edges.codec import StreamCodec
from monops.edges.local_files import LocalFileSystem
from monops.edges.local_tree import LocalTree
from monops.edges.local_writer import LocalWriter
from monops.edges.sqlite import SqliteFiles
from monops.ops.outside import Outside


class Killed(BaseException):
    """What a kill -9 looks like from inside: nothing runs after it, no handler, no `finally`."""


@dataclass
class Life:
    """Counts what a process does to the outside, and ends it before act number `ends_at`."""

    ends_at: int | None = None
    acts: int = 0

    def act(self, what: str) -> None:
        del what
        if self.ends_at is not None and self.acts >= self.ends_at:
            raise Killed
        self.acts += 1


class MortalWriter:
    """A VolumeWriter that does one thing at a time, and stops in the middle when its process dies."""

    def __init__(self, root: Path, place: str, life: Life) -> None:
        self._inner = LocalWriter(str(root), place=place)
        self._root = root
        self._life = life

    @property
    def place(self) -> str:
        return self._inner.place

    @property
    def is_concurrent(self) -> bool:
        return False

    def names(self, under: str = "") -> tuple[str, ...]:
        return self._inner.names(under)

    def make(self, path: str) -> None:
        self._life.act("make")
        self._inner.make(path)

    def unpack(self, under: str, tar: Reader) -> int:
        self._life.act("unpack")
        return self._inner.unpack(under, tar)

    def listing(self, under: str) -> tuple[Entry, ...]:
        return self._inner.listing(under)

    def move(self, pairs: Sequence[tuple[str, str]]) -> None:
        for pair in pairs:
            self._life.act("move")
            self._inner.move([pair])

    def remove(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._life.act("remove")
            self._inner.remove([path])

    def own(self, path: str, *, uid: int, gid: int, mode: int) -> None:
        self._life.act("own")
        self._inner.own(path, uid=uid, gid=gid, mode=mode)

    def put(self, path: str, data: bytes) -> None:
        """Without the waits for the disk: hundreds of these are made."""
        self._life.act("put")
        temporary = self._root / (path + ".tmp")
        temporary.write_bytes(data)
        temporary.rename(self._root / path)

    def get(self, path: str) -> bytes | None:
        return self._inner.get(path)

    def flush(self) -> None:
        self._life.act("flush")

    def free_bytes(self) -> int | None:
        return 1 << 40


@dataclass
class FakeVolumes:
    """Volumes that are folders below one."""

    root: Path
    life: Life = field(default_factory=Life)

    @contextmanager
    def tree(self, place: Place) -> Iterator[Tree]:
        yield LocalTree(str(self._folder(place)))

    @contextmanager
    def writer(self, place: Place) -> Iterator[VolumeWriter]:
        yield MortalWriter(self._folder(place), place.name, self.life)

    def _folder(self, place: Place) -> Path:
        folder = self.root / place.volume
        if not folder.is_dir():
            raise VolumeMissing(f"there is no volume {place.volume!r}", remedy="docker volume ls")
        return folder


@dataclass
class FakeClock:
    """Time passes by sleeping only."""

    at: datetime = datetime(2026, 11, 23, tzinfo=UTC)
    passed: float = 0.0

    def now(self) -> datetime:
        return self.at + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, span: timedelta) -> None:
        self.passed += span.total_seconds()


@dataclass
class FakeMachine:
    """A machine whose processes are numbers; only those in `alive` live."""

    pid: int = 1
    alive: set[int] = field(default_factory=lambda: {1})

    host = "test"
    cpus = 2

    def token(self, length: int) -> str:
        return "0" * length

    def identity(self) -> Mapping[str, Any]:
        return {"pid": self.pid}

    def is_alive(self, identity: Mapping[str, Any]) -> bool | None:
        return None if identity.get("pid") == "elsewhere" else identity.get("pid") in self.alive

    @contextmanager
    def scratch(self) -> Iterator[str]:
        with tempfile.TemporaryDirectory() as folder:
            yield folder


@dataclass
class FakeJournal:
    """Notes in memory: they outlive the process."""

    machine: FakeMachine
    life: Life
    notes: dict[str, tuple[int, Mapping[str, Any]]] = field(default_factory=dict)
    made: int = 0

    def open(self, note: Mapping[str, Any]) -> str:
        self.life.act("note")
        self.made += 1
        self.notes[f"note-{self.made}"] = (self.machine.pid, dict(note))
        return f"note-{self.made}"

    def close(self, note_id: str) -> None:
        self.life.act("close")
        self.notes.pop(note_id, None)

    def abandoned(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        return tuple((name, note) for name, (pid, note) in self.notes.items() if pid not in self.machine.alive)


@dataclass
class FakeProgress:
    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    def step(self, text: str, total_bytes: int | None = None) -> None: ...

    def advance(self, size_bytes: int) -> None: ...

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)


@dataclass
class World:
    """A whole outside whose process can die and be followed by another."""

    root: Path
    engine: FakeEngine = field(default_factory=FakeEngine)
    services: FakeServices = field(default_factory=FakeServices)
    machine: FakeMachine = field(default_factory=FakeMachine)
    clock: FakeClock = field(default_factory=FakeClock)
    progress: FakeProgress = field(default_factory=FakeProgress)
    life: Life = field(default_factory=Life)
    volumes: FakeVolumes = field(init=False)
    journal: FakeJournal = field(init=False)

    def __post_init__(self) -> None:
        self.volumes = FakeVolumes(self.root, self.life)
        self.journal = FakeJournal(self.machine, self.life)
        self.engine.before = self.life.act

    def live(self, ends_at: int | None = None) -> Outside:
        """A new process; it dies before its act number `ends_at`."""
        self.machine.pid += 1
        self.machine.alive = {self.machine.pid}
        self.life.ends_at, self.life.acts = ends_at, 0
        return Outside(
            engine=self.engine,
            volumes=self.volumes,
            services=self.services,
            sqlite=SqliteFiles(),
            codec=StreamCodec(),
            clock=self.clock,
            machine=self.machine,
            journal=self.journal,
            progress=self.progress,
            files=LocalFileSystem(),
        )
