"""Volumes and folders, for reading and for writing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from monops.domain.place import Place
from monops.domain.ports.streams import Reader, Writer
from monops.domain.tree import Entry


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
