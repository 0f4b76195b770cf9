"""What the operations need from the outside, as protocols. `edges` implement them, `cli/wiring.py` joins them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from monops.domain.place import Place
from monops.domain.tree import Entry


class Reader(Protocol):
    """A stream of bytes. `read(n)` may return fewer bytes than asked, and b"" at the end."""

    def read(self, size: int = -1, /) -> bytes: ...


class Writer(Protocol):
    """Takes bytes."""

    def write(self, data: bytes | memoryview, /) -> int: ...


# --- destinations -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the destination lists it."""

    key: str
    size: int
    modified: datetime


class Store(Protocol):
    """Immutable named objects in a directory or under an S3 prefix.

    Every method may raise StoreUnreachable, StoreDenied, StoreFull or StoreError.
    Proven by `tests/contract/test_store.py`, which every store passes.
    """

    @property
    def url(self) -> str:
        """Where it is, without secrets, as a person would type it."""
        ...

    def prepare(self) -> None:
        """Make sure it can be written to; creates a directory, never a bucket. Raises NotFound for a missing bucket."""
        ...

    def exists(self) -> bool:
        """Whether the place itself is there (an existing folder, a reachable bucket)."""
        ...

    def write(self, key: str, *, at_most: int) -> AbstractContextManager[Writer]:
        """Store what is written under `key`, whole or not at all: leaving by an exception stores nothing.

        `at_most` is an upper bound of the bytes to come, or a good guess: it only chooses part sizes.
        """
        ...

    def read(self, key: str) -> AbstractContextManager[Reader]:
        """Stream `key`. Raises NotFound. A connection lost half-way raises; it never looks like the end."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Store a small object; replaces an older one atomically."""
        ...

    def get(self, key: str) -> bytes:
        """A small object whole. Raises NotFound."""
        ...

    def list(self, prefix: str) -> Iterator[Stored]:
        """What is stored under `prefix`, by key. Unfinished uploads are not listed."""
        ...

    def delete(self, key: str) -> None:
        """Remove `key`; absent is fine."""
        ...

    def sweep(self, *, older_than: datetime) -> int:
        """Remove unfinished files or uploads that killed writers left before that time; how many."""
        ...


# --- the engine ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Where a container has a volume or a host path."""

    #: "volume", "bind" or "tmpfs".
    type: str
    #: The volume's name; empty for a bind.
    name: str
    #: The path on the engine's host.
    source: str
    #: The path in the container.
    destination: str
    writable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What monops needs to know of a container."""

    id: str
    name: str
    #: As written in the Compose file: `prom/prometheus:v3.5.3`.
    image: str
    image_id: str
    #: "running", "exited", "paused", "created", "restarting", "dead".
    state: str
    #: The health check's word: "healthy", "unhealthy", "starting", or "" without a check.
    health: str
    #: The Compose project; "" outside Compose.
    project: str
    #: The Compose service; the container's name outside Compose.
    service: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    mounts: tuple[Mount, ...]
    #: container port -> (host address, host port) published.
    ports: Mapping[int, tuple[str, int]]
    #: network -> address in it.
    addresses: Mapping[str, str]
    #: The working directory, for relative paths in the command.
    working_dir: str = ""
    user: str = ""
    #: `docker inspect`, whole: for the `config` source only, which reduces it.
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A container as a list shows it. Inspecting one that hangs takes a minute, so only those are that matter."""

    id: str
    name: str
    image: str
    project: str
    service: str
    #: Volumes by name and host paths that it mounts.
    mounts: tuple[Mount, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """Where a health check stands, by the engine's own clock."""

    #: Between the end of one probe and the start of the next; None where there is no health check.
    interval: timedelta | None
    #: Since the last probe ended; None before the first.
    since: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A named volume of the engine."""

    name: str
    mountpoint: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """What a helper container's script did."""

    exit_code: int
    output: str


class Engine(Protocol):
    """Docker. Every method may raise EngineUnreachable or EngineError; an unknown name raises VolumeMissing."""

    @property
    def is_local(self) -> bool:
        """Whether the engine shares this machine's file system as far as its address tells."""
        ...

    @property
    def host(self) -> str:
        """The host name under which published ports answer."""
        ...

    def listed(self) -> tuple[Listed, ...]:
        """Every container, running or not, as a list shows them: asks nothing of any single one."""
        ...

    def containers(self, ids: Sequence[str]) -> tuple[Container, ...]:
        """These containers; one that has vanished meanwhile is left out."""
        ...

    def probe(self, container_id: str) -> Probe:
        """Where the container's health check stands."""
        ...

    def container(self, name_or_id: str) -> Container: ...

    def volumes(self) -> tuple[Volume, ...]: ...

    def volume(self, name: str) -> Volume: ...

    def image_digest(self, image_id: str) -> str:
        """`name@sha256:…` where a registry gave one, else the image id."""
        ...

    def stop(self, container_id: str, *, within: timedelta) -> None: ...

    def start(self, container_id: str) -> None: ...

    def logs(self, container_id: str, lines: int) -> tuple[str, ...]:
        """The last lines of what a container wrote, stdout and stderr together."""
        ...

    def pause(self, container_id: str) -> None: ...

    def unpause(self, container_id: str) -> None: ...

    def mounted(self, volume: str, image: str, *, writable: bool) -> AbstractContextManager[str]:
        """A container that is created, never started, and has the volume at `/volume`; its id. Removed afterwards."""
        ...

    def archive(self, container_id: str, path: str) -> AbstractContextManager[Reader]:
        """The tar stream of `path` in a container, running or not. Raises NotFound."""
        ...

    def unarchive(self, container_id: str, path: str, tar: Iterable[bytes]) -> None:
        """Unpack a tar stream into `path` of a container, owners kept."""
        ...

    def clear_leftovers(self) -> int:
        """Remove what `mounted` and `script` of killed processes left behind; how many containers."""
        ...

    def script(self, volume: str, images: Sequence[str], text: str, *, writable: bool) -> Helper:
        """Run a shell script as root in a throwaway container without network that has the volume at `/volume`.

        Uses the first of `images` that has a shell; raises EngineError if none has.
        """
        ...


# --- volumes and directories --------------------------------------------------------------------


class Tree(Protocol):
    """The files of one source, for reading. Proven by `tests/contract/test_tree.py`."""

    @property
    def reach(self) -> str:
        """How it is reached: "mountpoint", "archive" or "directory"."""
        ...

    @property
    def place(self) -> str:
        """What it is, for messages: a volume's name or a path."""
        ...

    def under(self, path: str) -> Tree:
        """The same tree seen from a folder in it: that folder is the root."""
        ...

    def root(self) -> Entry:
        """The root's owner and mode. Raises VolumeMissing."""
        ...

    def walk(self, under: str = "") -> tuple[Entry, ...]:
        """Everything below `under`, sorted by path, parents first; () if it is not there. Own files are left out."""
        ...

    def entry(self, path: str) -> Entry | None:
        """One file or folder, or None if it is not there."""
        ...

    def read(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Reader]]:
        """The files among `entries`, in any order, each reader to be used before the next is asked for.

        A file that has vanished since is left out. A file that grew is cut at its listed size by the caller.
        """
        ...

    def hold(self, entries: Sequence[Entry]) -> AbstractContextManager[tuple[Tree, tuple[str, ...]]]:
        """Keep `entries` readable although somebody deletes them; also gives the paths that were gone already.

        A tree that cannot hold gives itself and ().
        """
        ...

    def local_path(self, path: str) -> str | None:
        """Where `path` is on this machine, or None if only the engine can reach it."""
        ...


class Volumes(Protocol):
    """Opens places by the best way there is: mountpoint, archive API or plain directory."""

    def tree(self, place: Place) -> AbstractContextManager[Tree]:
        """For reading. Raises VolumeMissing; never creates a volume."""
        ...

    def writer(self, place: Place) -> AbstractContextManager[VolumeWriter]:
        """For writing. Raises VolumeMissing; never creates a volume."""
        ...


class VolumeWriter(Protocol):
    """The writing side of one volume or directory, for restores. Proven by `tests/contract/test_volume_writer.py`.

    Paths are relative to its root. Every method may raise RestoreFailed, with Refused for a disk that is full.
    """

    @property
    def place(self) -> str: ...

    @property
    def is_concurrent(self) -> bool:
        """Whether several threads may unpack at the same time."""
        ...

    def names(self, under: str = "") -> tuple[str, ...]:
        """The names directly in `under`, sorted; () if it is not there."""
        ...

    def make(self, path: str) -> None:
        """Make a directory, readable by root only, parents included."""
        ...

    def unpack(self, under: str, tar: Reader) -> int:
        """Unpack a plain tar stream into `under`, owners and modes as in the stream; the bytes of its files.

        `under` is there. Raises Damaged for a stream that is cut or would leave `under`. Only root sets owners.
        """
        ...

    def listing(self, under: str) -> tuple[Entry, ...]:
        """Everything below `under`, own files included, by paths that begin with `under`."""
        ...

    def move(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Rename each `(old, new)` in order; never over something that is there; stops at the first that fails."""
        ...

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files or whole trees; absent is fine."""
        ...

    def own(self, path: str, *, uid: int, gid: int, mode: int) -> None:
        """Set the owner and mode of one path ("" is the root)."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Write a small file atomically and durably."""
        ...

    def get(self, path: str) -> bytes | None:
        """A small file, or None."""
        ...

    def flush(self) -> None:
        """Everything written so far survives a power cut."""
        ...

    def free_bytes(self) -> int | None:
        """Space left, or None if it cannot be known."""
        ...


class Folders(Protocol):
    """Folders of this machine that a person names as targets. May raise RestoreFailed and Refused."""

    def exists(self, path: str) -> bool: ...

    def is_empty(self, path: str) -> bool:
        """Whether nothing, or an empty folder, is at `path`."""
        ...

    def create(self, path: str) -> VolumeWriter:
        """Make the folder, parents included, and open it."""
        ...

    def free_bytes(self, path: str) -> int | None:
        """Space left where `path` is or will be."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Durably; `new` may be an empty folder."""
        ...

    def remove(self, path: str) -> None:
        """The whole tree; absent is fine."""
        ...

    def write_file(self, path: str) -> AbstractContextManager[Writer]:
        """A file that appears under its name only when complete and on disk; leaving by an exception leaves nothing."""
        ...


# --- services -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusStatus:
    """What a running Prometheus says about itself."""

    version: str
    admin_api: bool
    #: As in its flags, perhaps relative.
    storage_path: str
    working_dir: str
    #: As `runtimeinfo` shows it, e.g. `15d or 10GiB`.
    retention: str
    out_of_order: bool


class Prometheus(Protocol):
    """A running Prometheus over HTTP. Raises ServiceUnreachable and ServiceError."""

    @property
    def url(self) -> str: ...

    def status(self) -> PrometheusStatus: ...

    def ready(self) -> bool:
        """Whether it answers queries; False while it replays its log, or does not answer."""
        ...

    def snapshot(self, *, within: timedelta) -> str:
        """Make a TSDB snapshot; its name below `<storage>/snapshots/`. Raises CaptureError with the cause."""
        ...

    def query(self, promql: str, at: float) -> tuple[tuple[Mapping[str, str], float], ...]:
        """An instant query at a Unix time in seconds: (labels, value) pairs, sorted."""
        ...

    def blocks_loaded(self) -> int | None:
        """How many blocks it has loaded, or None if it does not say."""
        ...


class Grafana(Protocol):
    """A running Grafana over HTTP."""

    @property
    def url(self) -> str: ...

    def ready(self) -> bool: ...

    def version(self) -> str | None: ...


class Services(Protocol):
    """Finds the HTTP side of a container."""

    def prometheus(self, container: Container | None) -> Prometheus:
        """Raises ServiceUnreachable. Without a container only a configured URL is tried."""
        ...

    def grafana(self, container: Container | None) -> Grafana:
        """Raises ServiceUnreachable."""
        ...

    def answers(self, container: Container, port: int, path: str) -> bool:
        """Whether `GET path` on that port of the container gives 200."""
        ...


# --- SQLite, packing ----------------------------------------------------------------------------


class Sqlite(Protocol):
    """Consistent copies of SQLite databases. Raises CaptureError."""

    def snapshot(self, live: str, copy: str) -> str:
        """Copy a database that others write to by SQLite's backup API, in one step; its journal mode."""
        ...

    def recover(self, copy: str) -> str:
        """Roll a copied database with its side files back or forward to its last commit; its journal mode."""
        ...

    def check(self, copy: str) -> None:
        """`PRAGMA integrity_check`. Raises CaptureError with what it found."""
        ...

    def counts(self, copy: str, tables: Sequence[str]) -> Mapping[str, int]:
        """Rows of those of `tables` that exist."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How objects are packed."""

    #: "zstd", "gzip" or "none".
    compression: str = "zstd"
    level: int = 3
    #: age recipients; empty for no encryption.
    recipients: tuple[str, ...] = ()
    #: Threads inside one compressor; 0 compresses in the calling thread.
    threads: int = 0
    #: Whether the content is TSDB blocks, which are packed bits already: zstd then looks for fewer matches.
    is_tsdb: bool = False

    @property
    def suffix(self) -> str:
        """`.tar.zst`, `.tar.gz` or `.tar`, with `.age` behind when encrypted."""
        plain = {"zstd": ".tar.zst", "gzip": ".tar.gz", "none": ".tar"}[self.compression]
        return plain + (".age" if self.recipients else "")


class Codec(Protocol):
    """Compression and encryption of streams."""

    def pack(self, sink: Writer, packing: Packing) -> AbstractContextManager[Writer]:
        """What is written is compressed, then encrypted, then written to `sink`; complete when left."""
        ...

    def unpack(self, source: Reader, key: str, identities: Sequence[str]) -> AbstractContextManager[Reader]:
        """The plain tar inside the object named `key`. Raises Damaged, and ConfigurationError without an identity."""
        ...


# --- the rest of the world ----------------------------------------------------------------------


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, UTC."""
        ...

    def monotonic(self) -> float: ...

    def sleep(self, span: timedelta) -> None: ...


class Journal(Protocol):
    """Notes of what monops is about to disturb, kept where a kill cannot lose them."""

    def open(self, note: Mapping[str, Any]) -> str:
        """Write a note durably; its id."""
        ...

    def close(self, note_id: str) -> None:
        """The disturbance is over."""
        ...

    def abandoned(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Notes whose writer is gone: (id, note)."""
        ...


class Progress(Protocol):
    """Tells a person how it goes."""

    def step(self, text: str, total_bytes: int | None = None) -> None: ...

    def advance(self, size_bytes: int) -> None: ...

    def say(self, text: str) -> None:
        """One line worth reading."""
        ...

    def warn(self, text: str) -> None: ...


class Machine(Protocol):
    """This machine and this process."""

    @property
    def host(self) -> str: ...

    @property
    def cpus(self) -> int: ...

    def token(self, length: int) -> str:
        """Random hexadecimal digits."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """Host, boot, process: enough to tell later whether this process still lives."""
        ...

    def is_alive(self, identity: Mapping[str, Any]) -> bool | None:
        """Whether that process lives; None if it is another machine's."""
        ...

    def scratch(self) -> AbstractContextManager[str]:
        """A private temporary folder."""
        ...


class LocalFiles(Protocol):
    """Files of this machine outside any source: scratch copies and what a person names."""

    def open(self, path: str) -> AbstractContextManager[Reader]: ...

    def save(self, path: str, source: Reader) -> int:
        """Write what `source` gives to a new private file; the bytes."""
        ...

    def size(self, path: str) -> int: ...

    def exists(self, path: str) -> bool: ...

    def remove(self, path: str) -> None:
        """Absent is fine."""
        ...


#: How an operation asks whether it should go on; raises to stop.
Checkpoint = Callable[[], None]
