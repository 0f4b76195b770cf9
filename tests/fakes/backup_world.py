"""A small stack to back up: volumes that are folders, a Prometheus that makes snapshots, a Grafana with a database."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.fakes.fake_engine import FakeEngine, FakeGrafana, FakePrometheus, container
from tests.fakes.fake_outside import FakeClock, FakeJournal, FakeMachine, FakeProgress, Life
from tests.fakes.store_builder import write_block

from monops.domain.errors import EngineError, ServiceUnreachable, VolumeMissing
from monops.domain.place import Place
from monops.domain.ports import (
    Alertmanager,
    Container,
    Grafana,
    Mount,
    Prometheus,
    PrometheusStatus,
    Reader,
    Tree,
    VolumeWriter,
)
from monops.domain.tree import Entry
from monops.edges.codec import StreamCodec
from monops.edges.local_files import LocalFileSystem
from monops.edges.local_tree import LocalTree
from monops.edges.local_writer import LocalWriter
from monops.edges.sqlite import SqliteFiles
from monops.ops.outside import Outside

NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)


@dataclass
class CountingMachine(FakeMachine):
    """Never gives the same token twice."""

    given: int = 0
    folder: Path | None = None

    def token(self, length: int) -> str:
        self.given += 1
        return f"{self.given:0{length}x}"[-length:]

    def is_alive(self, identity: Mapping[str, Any]) -> bool | None:
        return super().is_alive(identity) if "pid" in identity else None

    @contextmanager
    def scratch(self) -> Iterator[str]:
        with tempfile.TemporaryDirectory(dir=self.folder) as made:
            yield made


class HookedTree:
    """A tree of which something happens to the files before they are read, held or listed."""

    def __init__(self, inner: Tree, *, reach: str | None = None, local: bool = True) -> None:
        self._inner = inner
        self._local = local
        self.reach = reach or inner.reach
        self.before_read: Callable[[Sequence[Entry]], None] = lambda entries: None
        self.before_hold: Callable[[], None] = lambda: None
        self.after_hold: Callable[[], None] = lambda: None

    @property
    def place(self) -> str:
        return self._inner.place

    def under(self, path: str) -> Tree:
        return self._like(self._inner.under(path))

    def root(self) -> Entry:
        return self._inner.root()

    def walk(self, under: str = "") -> tuple[Entry, ...]:
        return self._inner.walk(under)

    def entry(self, path: str) -> Entry | None:
        return self._inner.entry(path)

    def read(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Reader]]:
        self.before_read(entries)
        yield from self._inner.read(entries)

    @contextmanager
    def hold(self, entries: Sequence[Entry]) -> Iterator[tuple[Tree, tuple[str, ...]]]:
        if self.reach == "archive":  # the engine can hold nothing
            self.after_hold()
            yield self, ()
            return
        self.before_hold()
        with self._inner.hold(entries) as (held, gone):
            self.after_hold()
            yield self._like(held), gone

    def local_path(self, path: str) -> str | None:
        return self._inner.local_path(path) if self._local else None

    def _like(self, inner: Tree) -> HookedTree:
        made = HookedTree(inner, reach=self.reach, local=self._local)
        made.before_read = self.before_read
        return made


@dataclass
class FolderVolumes:
    """Volumes that are folders below one, and plain paths."""

    root: Path
    #: What is done to each tree before it is used.
    hook: Callable[[HookedTree], None] = field(default=lambda tree: None)
    reach: str = "mountpoint"
    #: Whether a writer can be had.
    writable: bool = True

    @contextmanager
    def tree(self, place: Place) -> Iterator[Tree]:
        inner = LocalTree(str(self.folder(place)), reach=self.reach, place=place.name)
        tree = HookedTree(inner, local=self.reach != "archive")
        self.hook(tree)
        yield tree

    @contextmanager
    def writer(self, place: Place) -> Iterator[VolumeWriter]:
        if not self.writable:
            raise EngineError("none of the images at hand has a shell", remedy="docker pull busybox")
        yield LocalWriter(str(self.folder(place)), place=place.name)

    def folder(self, place: Place) -> Path:
        folder = self.root / place.volume / place.subpath if place.volume else Path(place.path)
        if not folder.is_dir():
            raise VolumeMissing(f"there is no volume {place.name!r}", remedy="docker volume ls")
        return folder


@dataclass
class SnapshotPrometheus(FakePrometheus):
    """Makes snapshots by hard links, as the real one does."""

    data: Path = Path()
    clock: FakeClock = field(default_factory=FakeClock)
    admin_api: bool = True
    out_of_order: bool = False
    #: Happens once the snapshot is made and before it is answered; may raise.
    after_snapshot: Callable[[], None] = field(default=lambda: None)
    #: Happens instead of a snapshot; may raise.
    before_snapshot: Callable[[], None] = field(default=lambda: None)
    clock_is_ahead: timedelta = timedelta()
    made: int = 0

    def status(self) -> PrometheusStatus:
        return replace(super().status(), admin_api=self.admin_api, out_of_order=self.out_of_order)

    def snapshot(self, *, within: timedelta) -> str:
        self.before_snapshot()
        self.made += 1
        name = f"{self.clock.now() + self.clock_is_ahead:%Y%m%dT%H%M%SZ}-{self.made:016x}"
        target = self.data / "snapshots" / name
        target.mkdir(parents=True)
        for block in self.data.glob("01*"):
            for file in [path for path in block.rglob("*") if path.is_file()]:
                copy = target / file.relative_to(self.data)
                copy.parent.mkdir(parents=True, exist_ok=True)
                os.link(file, copy)
        self.after_snapshot()
        return name


@dataclass
class StackServices:
    """The HTTP sides; a service that is down does not answer."""

    of_prometheus: SnapshotPrometheus
    prometheus_is_up: bool = True

    def prometheus(self, container: Container | None) -> Prometheus:
        if not self.prometheus_is_up or (container is not None and container.state != "running"):
            raise ServiceUnreachable("prometheus does not answer over HTTP", remedy="docker logs prometheus")
        return self.of_prometheus

    def grafana(self, container: Container | None) -> Grafana:
        return FakeGrafana()

    def alertmanager(self, container: Container | None) -> Alertmanager:
        raise ServiceUnreachable("nobody answers", remedy="-")

    def answers(self, container: Container, port: int, path: str) -> bool:
        return container.state == "running"


class BackupWorld:
    """A running stack with two blocks, a database and a state of Alertmanager."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "volumes/prom"
        self.grafana_data = root / "volumes/graf"
        self.clock = FakeClock(at=NOW)
        self.life = Life()
        self.machine = CountingMachine(folder=root)
        self.journal = FakeJournal(self.machine, self.life)
        self.progress = FakeProgress()
        self.engine = FakeEngine()
        self.volumes = FolderVolumes(root / "volumes")
        self.prometheus = SnapshotPrometheus(data=self.data, clock=self.clock)
        self.services = StackServices(self.prometheus)
        self._fill()
        self.add("prometheus", "prom", "/data")
        self.add("grafana", "graf", "/var/lib/grafana")
        self.add("alertmanager", "alert", "/data")

    def add(self, service: str, volume: str, destination: str, **changes: Any) -> Container:
        mount = Mount(type="volume", name=volume, source=f"/v/{volume}", destination=destination)
        return self.engine.add(replace(container(service, volume), mounts=(mount,), **changes))

    def change(self, service: str, **changes: Any) -> None:
        self.engine.add(replace(self.engine.found[f"id-{service}"], **changes))

    def block(self, number: int, **facts: Any) -> str:
        return write_block(self.data, number, **facts)

    def state(self, service: str) -> str:
        return self.engine.found[f"id-{service}"].state

    def outside(self) -> Outside:
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

    def _fill(self) -> None:
        self.data.mkdir(parents=True)
        self.block(1)
        self.block(2)
        (self.data / "wal").mkdir()
        (self.data / "wal/00000001").write_bytes(b"log")
        (self.data / "lock").write_bytes(b"")
        self.grafana_data.mkdir()
        write_database(self.grafana_data / "grafana.db", {"dashboard": 3, "org": 1})
        (self.grafana_data / "plugins").mkdir()
        (self.grafana_data / "plugins/x.js").write_text("x")
        (self.grafana_data / "unified-search").mkdir()
        (self.grafana_data / "unified-search/index").write_text("derived")
        (self.root / "volumes/alert").mkdir()
        (self.root / "volumes/alert/nflog").write_bytes(b"notifications")


def write_database(path: Path, tables: Mapping[str, int], *, mode: str = "delete") -> None:
    """A database with so many rows in each of `tables`."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA journal_mode={mode}")
        for table, rows in tables.items():
            database.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, title TEXT)")
            database.executemany(f"INSERT INTO {table} (title) VALUES (?)", [(f"row {n}",) for n in range(rows)])  # noqa: S608
        database.commit()
