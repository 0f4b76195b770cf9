"""A stack's folder in memory, with owners and modes."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace

from monops.domain.errors import MonopsError


@dataclass(frozen=True)
class Kept:
    """One file."""

    data: bytes
    mode: int = 0o644
    uid: int = 0


@dataclass
class MemoryStackFolder:
    """Files by their path; `uid` is who writes, and root alone gives files away."""

    uid: int = 0
    files: dict[str, Kept] = field(default_factory=dict)
    #: folder -> mode.
    folders: dict[str, int] = field(default_factory=dict)
    #: Folders that may not be looked into.
    closed: set[str] = field(default_factory=set)

    path = "monitoring"

    def read(self, path: str) -> bytes | None:
        found = self.files.get(path)
        return None if found is None else found.data

    def write(self, path: str, data: bytes, *, mode: int | None = None) -> None:
        if path in self.folders:
            raise self._refusal("write", path, "Is a directory")
        self._make(posixpath.dirname(path), "write", path)
        before = self.files.get(path)
        if mode is None:
            mode = before.mode if before else 0o644
        self.files[path] = Kept(data, mode, before.uid if before else self.uid)

    def remove(self, path: str) -> None:
        self.files.pop(path, None)
        folder = posixpath.dirname(path)
        while folder and not any(name.startswith(folder + "/") for name in (*self.files, *self.folders)):
            self.folders.pop(folder, None)
            folder = posixpath.dirname(folder)

    def make_folder(self, path: str, *, mode: int | None = None) -> None:
        self._make(path, "make", path)
        if mode is not None:
            self.folders[path] = mode

    def give_to(self, path: str, uid: int) -> bool:
        found = self.files.get(path)
        if found is None:
            raise self._refusal("give away", path, "No such file or directory")
        if self.uid == 0 or self.uid == found.uid == uid:
            self.files[path] = found = replace(found, uid=uid, mode=0o600)
        return found.uid == uid and found.mode & 0o077 == 0

    def names(self, path: str) -> tuple[str, ...]:
        if path in self.closed:
            raise self._refusal("look at", path, "Permission denied")
        return tuple(sorted(posixpath.basename(name) for name in self.files if posixpath.dirname(name) == path))

    def owner(self, path: str) -> int | None:
        if path in self.folders:
            return self.uid
        return self.files[path].uid if path in self.files else None

    # --- for tests ---------------------------------------------------------------------------------

    def text(self, path: str) -> str:
        return self.files[path].data.decode()

    def _make(self, folder: str, doing: str, path: str) -> None:
        above = ""
        for part in folder.split("/") if folder else ():
            above = posixpath.join(above, part)
            if above in self.files:
                raise self._refusal(doing, path, "Not a directory")
            self.folders.setdefault(above, 0o755)

    def _refusal(self, doing: str, path: str, why: str) -> MonopsError:
        return MonopsError(f"cannot {doing} {self.path}/{path}: {why}", remedy=f"ls -ld {self.path}/{path}; df -h")
