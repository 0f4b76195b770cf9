"""Notes of what monops is about to disturb: one small file each, written durably before the disturbance."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monops.domain.errors import Refused
from monops.domain.ports import Machine


class JournalFolder:
    """A folder of notes: MONOPS_STATE_DIR, /var/lib/monops for root, else the user's state folder.

    Source: XDG Base Directory Specification, XDG_STATE_HOME.
    """

    def __init__(self, machine: Machine, environment: Mapping[str, str]) -> None:
        self._machine = machine
        self._folder = state_folder(environment) / "journal"
        #: Descriptors of open notes, locked: the kernel lets go of them when this process ends, however it ends.
        self._held: dict[str, int] = {}

    def open(self, note: Mapping[str, Any]) -> str:
        """Raises Refused where the note cannot be kept: better no disturbance than one that nobody repairs."""
        note_id = f"{note.get('kind', 'note')}-{secrets.token_hex(6)}"
        path = self._folder / f"{note_id}.json"
        temporary = path.with_suffix(".tmp")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._held[note_id] = descriptor
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, json.dumps({"by": dict(self._machine.identity()), "note": dict(note)}).encode())
            os.fsync(descriptor)
            temporary.rename(path)
            self._sync()
        except OSError as error:
            self._let_go(note_id)
            raise Refused(
                f"cannot keep a note of what is about to be stopped in {self._folder}: {error.strerror}",
                remedy="export MONOPS_STATE_DIR=/a/folder/that/can/be/written",
            ) from error
        except BaseException:
            # A signal: nobody knows the note's id, and nothing has been disturbed yet.
            temporary.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            self._let_go(note_id)
            raise
        return note_id

    def close(self, note_id: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self._folder / f"{note_id}.json").unlink()
            self._sync()
        self._let_go(note_id)

    def abandoned(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        found = []
        for path in sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []:
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                by, note = dict(content["by"]), dict(content["note"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if self._is_abandoned(path, by):
                found.append((path.stem, note))
        return tuple(found)

    def _is_abandoned(self, path: Path, by: Mapping[str, Any]) -> bool:
        """Another machine's note in a shared state folder is that machine's to repair.

        A container that was made anew has another host name and other process numbers than the one that was killed,
        but the same kernel: there the lock on the note tells whether its writer lives.
        """
        alive = self._machine.is_alive(by)
        boot = by.get("boot")
        if alive is not None or not boot or boot != self._machine.identity().get("boot"):
            return alive is False
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(descriptor)

    def _let_go(self, note_id: str) -> None:
        descriptor = self._held.pop(note_id, None)
        if descriptor is not None:
            os.close(descriptor)

    def _sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def state_folder(environment: Mapping[str, str]) -> Path:
    """Where monops keeps what it must remember between runs."""
    if environment.get("MONOPS_STATE_DIR"):
        return Path(environment["MONOPS_STATE_DIR"])
    if os.geteuid() == 0:
        return Path("/var/lib/monops")
    base = environment.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local/state") / "monops"
