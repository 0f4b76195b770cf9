"""The folder of a stack's files, on this machine."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monops.domain.errors import MonopsError


class LocalStackFolder:
    """Files below one folder. A file appears whole or not at all."""

    def __init__(self, path: str) -> None:
        self._root = Path(path)
        self._shown = path

    @property
    def path(self) -> str:
        return self._shown

    def read(self, path: str) -> bytes | None:
        with self._translated("read", path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return (self._root / path).read_bytes()
        return None

    def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        target = self._root / path
        with self._translated("write", path):
            target.parent.mkdir(parents=True, exist_ok=True)
            # A link stays one: what it leads to is written.
            target = Path(os.path.realpath(target))
            if target.exists() and mode == 0o644:
                mode = target.stat().st_mode & 0o777
            partial = target.parent / f".{target.name}.{secrets.token_hex(4)}.partial"
            try:
                descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
                with os.fdopen(descriptor, "wb") as file:
                    os.fchmod(file.fileno(), mode)
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                partial.rename(target)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise

    def remove(self, path: str) -> None:
        target = self._root / path
        with self._translated("remove", path):
            target.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                for folder in target.relative_to(self._root).parents:
                    if folder != Path():
                        (self._root / folder).rmdir()

    def make_folder(self, path: str, *, mode: int) -> None:
        with self._translated("make", path):
            target = self._root / path
            target.mkdir(parents=True, exist_ok=True)
            if target.stat().st_mode & 0o777 != mode:
                target.chmod(mode)

    def give_to(self, path: str, uid: int) -> bool:
        with self._translated("give away", path):
            try:
                os.chown(self._root / path, uid, -1)
            except PermissionError:
                return (self._root / path).stat().st_uid == uid
            return True

    def names(self, path: str) -> tuple[str, ...]:
        with self._translated("look at", path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return tuple(sorted(found.name for found in (self._root / path).iterdir() if found.is_file()))
        return ()

    def owner(self, path: str) -> int | None:
        with self._translated("look at", path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return (self._root / path).stat().st_uid
        return None

    @contextmanager
    def _translated(self, doing: str, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if doing in ("read", "look at") and isinstance(error, FileNotFoundError | NotADirectoryError):
                raise  # that it is not there is an answer
            raise MonopsError(
                f"cannot {doing} {self._shown}/{path}: {error.strerror}", remedy=f"ls -ld {self._shown}/{path}; df -h"
            ) from error


def root_is_shared() -> bool:
    """Whether `/` passes mounts on, so that `rslave` works on it. True where the system does not say.

    Source: proc(5), /proc/pid/mountinfo; mount_namespaces(7).
    """
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return True
    for line in reversed(lines):
        fields = line.split()
        if len(fields) > 6 and fields[4] == "/":
            optional = fields[6 : fields.index("-")] if "-" in fields else []
            return any(field.startswith(("shared:", "master:")) for field in optional)
    return True
