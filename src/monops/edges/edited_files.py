"""Files that a person may edit at the same time: replaced only if they are as they were when they were read."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from monops.domain.change import is_torn
from monops.domain.editing import opened
from monops.domain.errors import ConfigurationError, EditedMeanwhile, MonopsError, Refused


class LocalEditedFiles:
    """Files of this machine."""

    def read(self, path: str) -> str | None:
        data = _bytes_of(path)
        try:
            return None if data is None else data.decode()
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"{path} is not UTF-8: {error.reason} at byte {error.start}", remedy=opened(path)
            ) from error

    def mode_and_owner(self, path: str) -> tuple[int, int] | None:
        try:
            found = Path(path).stat()
        except OSError:
            return None
        return found.st_mode & 0o7777, found.st_uid

    def real(self, path: str) -> str:
        return os.path.realpath(path)

    def matching(self, pattern: str) -> tuple[str, ...]:
        return tuple(sorted(glob.glob(pattern)))

    def disk(self, path: str) -> tuple[int, int] | None:
        try:
            found = os.statvfs(path)
        except OSError:
            return None
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize

    def check_writable(
        self, path: str, *, in_place: bool = False, owner: int | None = None, again: str = "monops"
    ) -> None:
        target = Path(os.path.realpath(path))
        folder = target.parent
        if not (in_place and os.path.exists(target)):
            _check_owner(target, owner, again)
        if not os.path.exists(target):
            while not os.path.exists(folder):
                folder = folder.parent
            if not os.access(folder, os.W_OK | os.X_OK):
                raise _read_only(path, str(folder))
            return
        # Root may write whatever the mode says; somebody who took the right to write away meant it.
        if not target.stat().st_mode & 0o222 or not os.access(target, os.W_OK):
            raise _read_only(path, str(target))
        if not in_place and not os.access(folder, os.W_OK | os.X_OK):
            raise _read_only(path, str(folder))

    def replace(
        self,
        path: str,
        text: str | None,
        *,
        expected: Sequence[str | None],
        in_place: bool = False,
        mode: int = 0o644,
        owner: int | None = None,
    ) -> None:
        target = Path(os.path.realpath(path))
        found = _bytes_of(path)
        known = [None if one is None else one.encode() for one in expected]
        # Of a write in place that was cut short, both texts are known.
        torn = (
            in_place
            and found is not None
            and any(
                is_torn(found, one, other) for one in known for other in known if one is not None and other is not None
            )
        )
        if found not in known and not torn:
            raise EditedMeanwhile(
                f"{path} was edited meanwhile: it is not what monops read", remedy="look at it, then run monops again"
            )
        if found == (None if text is None else text.encode()):
            return
        with _translated("write", path):
            if text is None:
                target.unlink(missing_ok=True)
            elif in_place and found is not None:
                _write_in_place(target, text.encode())
            else:
                _write_beside(target, text.encode(), mode, owner)
            _sync(target.parent)


def _bytes_of(path: str) -> bytes | None:
    """None where there is no such file."""
    try:
        with _translated("read", path):
            return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _write_in_place(target: Path, data: bytes) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            # On a disk that becomes full the write is short, and only the next one fails.
            view = view[file.write(view) or 0 :]
        file.truncate(len(data))
        os.fsync(file.fileno())


def _write_beside(target: Path, data: bytes, mode: int, owner: int | None) -> None:
    """A new file takes the old one's place, owner and mode."""
    before = target.stat() if target.exists() else None
    if before is None:
        target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.parent.stat()
    partial = target.parent / f".{target.name}.{secrets.token_hex(4)}.partial"
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            if before is not None and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                # It must stay that user's, or a service could not read it any more.
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            elif before is None and owner is not None:
                if owner != os.geteuid():
                    os.fchown(file.fileno(), owner, -1)
            elif before is None:
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), beside.st_uid, beside.st_gid)
            if before is not None:
                _copy_attributes(target, file.fileno())
            os.fchmod(file.fileno(), before.st_mode & 0o7777 if before else mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _check_owner(target: Path, owner: int | None, again: str) -> None:
    """Raises Refused where the new file could not be given to whom it must belong."""
    user, remedy = os.geteuid(), f"sudo {again}"
    if user == 0:
        return
    if os.path.exists(target):
        before = target.stat()
        theirs = f"user {before.st_uid}" if before.st_uid != user else f"group {before.st_gid}"
        if before.st_uid != user or before.st_gid not in (os.getegid(), *os.getgroups()):
            raise Refused(
                f"{target} cannot be written: it is {theirs}'s, and only root may write it anew as theirs",
                remedy=remedy,
            )
    elif owner not in (None, user):
        raise Refused(f"{target} cannot be written: only root may give a file to user {owner}", remedy=remedy)


def _copy_attributes(source: Path, descriptor: int) -> None:
    """Extended ones: without its SELinux label a container could not read the file any more."""
    with contextlib.suppress(OSError):
        for name in os.listxattr(source):
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(source, name))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_only(path: str, what: str) -> Refused:
    return Refused(f"{path} cannot be written: {what} is read-only", remedy=f"ls -ld {what}; sudo chmod u+w {what}")


@contextmanager
def _translated(doing: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if doing == "read" and isinstance(error, FileNotFoundError | NotADirectoryError):
            raise
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM) and doing == "write":
            folder = os.path.dirname(os.path.realpath(path))
            raise Refused(
                f"{path} cannot be written: {error.strerror}", remedy=f"ls -ld {folder}; findmnt --target {folder}"
            ) from error
        raise MonopsError(f"cannot {doing} {path}: {error.strerror}", remedy=f"ls -ld {path}; df -h {path}") from error
