"""Time and this machine."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_SCRATCH, _OWNER = "monops-", ".owner.json"


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, span: timedelta) -> None:
        time.sleep(span.total_seconds())


class LocalMachine:
    """This machine and this process."""

    def __init__(self, *, environment: Mapping[str, str]) -> None:
        self._environment = environment

    @property
    def host(self) -> str:
        return self._environment.get("MONOPS_HOST") or socket.gethostname()

    @property
    def cpus(self) -> int:
        return len(os.sched_getaffinity(0))

    def token(self, length: int) -> str:
        return secrets.token_hex((length + 1) // 2)[:length]

    def identity(self) -> Mapping[str, Any]:
        return {
            "host": socket.gethostname(),
            "boot": _boot_id(),
            "pids": _pid_namespace(),
            "pid": os.getpid(),
            "started": _started(os.getpid()),
        }

    def is_alive(self, identity: Mapping[str, Any]) -> bool | None:
        if identity.get("host") != socket.gethostname():
            return None
        if identity.get("boot") != _boot_id():
            return False
        if identity.get("pids") != _pid_namespace():
            return None  # a container's processes: its numbers mean others here
        pid = identity.get("pid")
        return isinstance(pid, int) and _started(pid) == identity.get("started") is not None

    @contextmanager
    def scratch(self) -> Iterator[str]:
        """Takes away what killed processes left: a copy of a database is large, and holds secrets."""
        for left in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*"):
            if self._is_abandoned(left):
                shutil.rmtree(left, ignore_errors=True)
        folder = tempfile.mkdtemp(prefix=_SCRATCH)
        try:
            (Path(folder) / _OWNER).write_text(json.dumps(self.identity()), encoding="utf-8")
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _is_abandoned(self, scratch: Path) -> bool:
        try:
            if scratch.is_symlink() or scratch.stat().st_uid != os.geteuid():
                return False
            return self.is_alive(json.loads((scratch / _OWNER).read_text(encoding="utf-8"))) is False
        except (OSError, ValueError, AttributeError):
            return False


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _pid_namespace() -> str:
    """Tells the containers of one host name apart. Source: pid_namespaces(7)."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot: tells a reused pid apart. None if it is gone.

    Source: proc(5), /proc/pid/stat, field 22.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])
