"""The folder of a stack's files, on this machine."""

from __future__ import annotations

import contextlib
import errno
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

    def write(self, path: str, data: bytes, *, mode: int | None = None) -> None:
        target = self._root / path
        with self._translated("write", path):
            self._make(target.parent)
            # A link stays one: what it leads to is written.
            target = Path(os.path.realpath(target))
            before = target.stat() if target.exists() else None
            if mode is None:
                mode = before.st_mode & 0o777 if before else 0o644
            beside = before or target.parent.stat()
            partial = target.parent / f".{target.name}.{secrets.token_hex(4)}.partial"
            try:
                descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    # Else what root writes in somebody's folder would be root's.
                    with contextlib.suppress(PermissionError):
                        os.fchown(file.fileno(), beside.st_uid, beside.st_gid)
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

    def make_folder(self, path: str, *, mode: int | None = None) -> None:
        with self._translated("make", path):
            target = self._root / path
            self._make(target)
            if mode is not None and target.stat().st_mode & 0o777 != mode:
                target.chmod(mode)

    def give_to(self, path: str, uid: int) -> bool:
        with self._translated("give away", path):
            target = self._root / path
            try:
                os.chown(target, uid, -1)
                target.chmod(0o600)
            except PermissionError:
                found = target.stat()
                return found.st_uid == uid and found.st_mode & 0o077 == 0
            return True

    def names(self, path: str) -> tuple[str, ...]:
        with self._translated("look at", path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return tuple(sorted(found.name for found in (self._root / path).iterdir() if found.is_file()))
        return ()

    def owner(self, path: str) -> int | None:
        with self._translated("look at", path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return (self._root / path).stat().st_uid
        return None

    def _make(self, folder: Path) -> None:
        """Folders that are missing, for all to read whatever the umask: the services run as other users."""
        missing = [one for one in (folder, *folder.parents) if one.is_relative_to(self._root) and not one.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from error
        for one in reversed(missing):
            one.chmod(0o755)
            above = one.parent.stat()
            with contextlib.suppress(PermissionError):
                os.chown(one, above.st_uid, above.st_gid)

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
