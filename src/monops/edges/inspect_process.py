"""What /proc tells of a container's processes, where they run on this machine.

Source: proc(5): /proc/pid/net/tcp, /proc/pid/mountinfo, /proc/pid/task/tid/children.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from monops.domain.facts import ListeningSocket
from monops.domain.ports import Mount

_LISTEN = "0A"
#: Docker's own name server in the container's network.
_DOCKER_DNS = "127.0.0.11"
#: The largest configuration file that is read, in bytes.
LARGEST = 1 << 20


def is_process_of(pid: int, container_id: str) -> bool:
    """Whether the process is the container's: in another name space the number means another process."""
    if pid <= 0:
        return False
    for name in ("cgroup", "mountinfo"):
        try:
            if container_id in Path(f"/proc/{pid}/{name}").read_text(errors="replace"):
                return True
        except OSError:
            return False
    return False


def sockets_of(pid: int, *, whole_network: bool) -> tuple[ListeningSocket, ...] | None:
    """Where the container listens. In the host's network (`whole_network` False) only what its own processes hold."""
    try:
        own = None if whole_network else _held(_family(pid))
        found = {
            ListeningSocket(address, port)
            for name in ("tcp", "tcp6")
            for address, port, inode in _listening(Path(f"/proc/{pid}/net/{name}"))
            if address != _DOCKER_DNS and (own is None or inode in own)
        }
    except OSError:
        return None
    return tuple(sorted(found, key=lambda one: (one.port, one.address)))


def stale_mounts_of(pid: int, mounts: Iterable[Mount]) -> tuple[str, ...] | None:
    """The paths in the container where it still sees a file that is no longer the one at the host's path."""
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return None
    deleted = {fields[4] for fields in map(str.split, lines) if len(fields) > 4 and fields[3].endswith("//deleted")}
    binds = [mount for mount in mounts if mount.type == "bind"]
    moved = {mount.destination for mount in binds if _is_another_file(pid, mount)}
    return tuple(sorted(path for path in deleted | moved if any(mount.destination == path for mount in binds)))


def memory_kills_of(pid: int) -> int:
    """How many processes the kernel has killed for want of memory since the container started; 0 where it does not say.

    Source: kernel.org, admin-guide/cgroup-v2, memory.events; admin-guide/cgroup-v1/memory, memory.oom_control.
    """
    try:
        groups = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    except OSError:
        return 0
    for _, kinds, path in (fields for fields in groups if len(fields) == 3):
        names = ("memory.oom_control",) if "memory" in kinds.split(",") else ("memory.events",) if not kinds else ()
        root = "/sys/fs/cgroup/memory" if kinds else "/sys/fs/cgroup"
        for name in names:
            try:
                lines = Path(f"{root}{path}/{name}").read_text().splitlines()
            except OSError:
                continue
            found = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
            if found:
                return int(found[0])
    return 0


def file_of(pid: int, path: str) -> bytes | None:
    """A file as the container sees it; None where it has none. Raises OSError, and ValueError for a symbolic link on
    the way: it would be followed on this machine instead."""
    return _plain(f"/proc/{pid}/root", path)


def names_in(pid: int, path: str) -> tuple[str, ...]:
    """The names in a folder as the container sees it; () where it has none. Raises as `file_of`."""
    whole = _without_links(f"/proc/{pid}/root", path)
    try:
        return tuple(sorted(os.listdir(whole)))
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _plain(root: str, path: str) -> bytes | None:
    whole = _without_links(root, path)
    try:
        found = os.stat(whole)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            return None
        return Path(whole).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _without_links(root: str, path: str) -> str:
    whole = root
    for part in filter(None, path.split("/")):
        whole = f"{whole}/{part}"
        try:
            if stat.S_ISLNK(os.lstat(whole).st_mode):
                raise ValueError(path)
        except (FileNotFoundError, NotADirectoryError):
            break
    return f"{root}/{path.lstrip('/')}"


def _is_another_file(pid: int, mount: Mount) -> bool:
    """Of single files only: a folder may rightly have something mounted on it at one of the two places."""
    try:
        outside = os.stat(mount.source)
        inside = os.stat(_without_links(f"/proc/{pid}/root", mount.destination))
    except (OSError, ValueError):
        return False
    is_file = stat.S_ISREG(outside.st_mode) and stat.S_ISREG(inside.st_mode)
    return is_file and (outside.st_dev, outside.st_ino) != (inside.st_dev, inside.st_ino)


def _listening(table: Path) -> Iterable[tuple[str, int, str]]:
    """(address, port, inode) of the listening sockets in a table."""
    try:
        lines = table.read_text().splitlines()[1:]
    except FileNotFoundError:  # a kernel without IPv6
        return
    for line in lines:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTEN:
            address, _, port = fields[1].partition(":")
            yield _address(address), int(port, 16), fields[9]


def _address(text: str) -> str:
    """The kernel prints 32-bit words in the machine's own order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    shown = socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed)
    return shown.removeprefix("::ffff:") if "." in shown else shown


def _family(pid: int) -> set[int]:
    """The process and its descendants."""
    found, todo = set[int](), [pid]
    while todo:
        one = todo.pop()
        found.add(one)
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                todo += [int(word) for word in children.read_text().split() if int(word) not in found]
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def _held(pids: Iterable[int]) -> set[str]:
    """The inodes of the sockets that processes hold open."""
    found = set[str]()
    for pid in pids:
        folder = f"/proc/{pid}/fd"
        for name in os.listdir(folder):
            try:
                link = os.readlink(f"{folder}/{name}")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if link.startswith("socket:["):
                found.add(link[8:-1])
    return found
