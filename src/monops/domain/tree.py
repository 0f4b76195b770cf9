"""Files of a source, named by paths relative to its root."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: What monops itself keeps inside a volume while it restores: never part of a backup.
OWN_PREFIX = ".monops-"


class Kind(StrEnum):
    """What an entry is. Sockets, pipes and devices are not backed up."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file, directory or symbolic link."""

    #: Relative to the source's root, POSIX separators, no leading slash.
    path: str
    kind: Kind
    size: int = 0
    #: Permission bits only.
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    #: Whole seconds since the epoch, UTC.
    modified: int = 0
    #: Where a symbolic link points.
    target: str = ""


def parents(path: str) -> list[str]:
    """`a/b/c` has the parents `a` and `a/b`, outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def is_own(path: str) -> bool:
    """Whether monops itself made `path` inside a volume."""
    return path.split("/", 1)[0].startswith(OWN_PREFIX)


def is_safe(path: str) -> bool:
    """Whether `path` stays inside the folder it is unpacked into."""
    return bool(path) and not path.startswith("/") and ".." not in path.split("/") and "\0" not in path
