"""What is kept of a stack's changes: one file each in `.monops/changes/` beside the stack's files.

They hold the files' texts, which may hold secrets: 0600 in a folder of 0700.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from monops.domain.change import KEPT_ENTRIES, Entry
from monops.domain.errors import Locked, Refused
from monops.domain.ports import Machine

CHANGES = ".monops/changes"
#: Seconds to wait for what a killed monops left running: Compose stops Prometheus for up to two minutes.
_ORPHAN_WITHIN = 300.0


def kept_entries(folder: Path) -> tuple[Entry, ...]:
    """Oldest first. What cannot be read is left out."""
    found = []
    for path in sorted(folder.glob("[0-9]*.json")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            found.append(msgspec.json.decode(path.read_bytes(), type=Entry))
    return tuple(found)


def is_locked(folder: Path) -> bool:
    """Whether a change is being made now, by a monops or by what a killed one began. Takes and changes nothing."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


class ChangesFolder:
    """The folder, and the lock that says who may make a change."""

    def __init__(self, site_folder: str, machine: Machine) -> None:
        self._root = Path(site_folder) / CHANGES
        self._machine = machine
        self._descriptor: int | None = None

    @property
    def folder(self) -> str:
        return str(self._root)

    @property
    def descriptor(self) -> int | None:
        """The lock's, while it is held: what inherits it keeps the lock until it ends."""
        return self._descriptor

    @contextmanager
    def lock(self) -> Iterator[None]:
        with self._kept():
            self._make()
            descriptor = os.open(self._root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(descriptor)
            with self._kept():
                identity = json.dumps(dict(self._machine.identity())).encode()
                # In this order: on a full disk there is room for it where the last one's was.
                os.pwrite(descriptor, identity, 0)
                os.truncate(descriptor, len(identity))
            self._descriptor = descriptor
            yield
        finally:
            self._descriptor = None
            os.close(descriptor)

    def entries(self) -> tuple[Entry, ...]:
        return kept_entries(self._root)

    def save(self, entry: Entry) -> None:
        with self._kept():
            self._make()
            path = self._root / f"{entry.id:04}.json"
            partial = self._root / f".{path.name}.{secrets.token_hex(4)}.partial"
            owner = self._root.stat()
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
                file.write(msgspec.json.format(msgspec.json.encode(entry), indent=1))
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
            self._sync()
            for old in sorted(self._root.glob("[0-9]*.json"))[:-KEPT_ENTRIES]:
                old.unlink(missing_ok=True)
            for left in self._root.glob(".*.partial"):
                left.unlink(missing_ok=True)

    def _take(self, descriptor: int) -> None:
        deadline = time.monotonic() + _ORPHAN_WITHIN
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                by = self._holder()
                # Its monops is gone: what still holds the lock is the `docker compose` that it began.
                if self._machine.is_alive(by) is not False or time.monotonic() > deadline:
                    raise Locked(
                        f"another monops (process {by.get('pid', 'unknown')}) is changing this stack now",
                        remedy="wait until it is done: monops history",
                    ) from error
                time.sleep(0.2)
            else:
                return

    def _holder(self) -> Mapping[str, Any]:
        try:
            return dict(json.loads((self._root / "lock").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}

    def _make(self) -> None:
        if self._root.is_dir():
            return
        owner = self._root.parent.parent.stat()
        self._root.parent.mkdir(mode=0o755, exist_ok=True)
        self._root.mkdir(mode=0o700, exist_ok=True)
        for folder in (self._root.parent, self._root):
            with contextlib.suppress(PermissionError):
                os.chown(folder, owner.st_uid, owner.st_gid)
        # The texts of secret files are in it: who keeps the stack's files in git must not keep these there.
        own = self._root / ".gitignore"
        own.touch(mode=0o600)
        own.write_text("*\n", encoding="utf-8")

    def _sync(self) -> None:
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            folder = self._root.parent.parent
            is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise Refused(
                f"cannot keep in {self._root} what is about to be changed: {error.strerror}",
                remedy=f"df -h {folder}" if is_full else f"ls -ld {folder}; run as the owner of that folder",
            ) from error
