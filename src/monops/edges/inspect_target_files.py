"""The files from which Prometheus's jobs take their targets, as its container has them.

Sources: prometheus.io, configuration page, `<file_sd_config>`; proc(5), /proc/pid/status; capabilities(7).
"""

from __future__ import annotations

import io
import os
import posixpath
import stat
import tarfile
from fnmatch import fnmatchcase
from pathlib import Path

from monops.domain.errors import MonopsError, NotFound
from monops.domain.facts import TargetFile
from monops.domain.ports import Container
from monops.domain.prometheus_config import scrape_jobs, target_files
from monops.edges.docker_reader import DockerReader
from monops.edges.inspect_files import ConfigFiles, config_paths
from monops.edges.inspect_members import Members
from monops.edges.inspect_process import LARGEST, file_of, is_process_of, names_in

#: So many files at most are read.
_MOST = 500
#: To read, and to go through a folder, whatever the modes say: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
_READS_ALL = 1 << 1 | 1 << 2


class TargetFiles:
    """What the jobs' file_sd_configs name."""

    def __init__(self, reader: DockerReader, members: Members, files: ConfigFiles) -> None:
        self._reader = reader
        self._members = members
        self._files = files

    def read(self) -> dict[str, TargetFile]:
        """path in the container -> the file. Raises NotFound where Prometheus has no container, and MonopsError."""
        container = self._members.of("prometheus", self._members.containers())
        if container is None:
            raise NotFound("Prometheus has no container here", remedy="monops stack up prometheus")
        config = config_paths("prometheus", container)[0]
        text = self._files.in_containers().get(f"prometheus:{config}", "")
        patterns = [
            posixpath.normpath(posixpath.join(posixpath.dirname(config), pattern))
            for section in scrape_jobs(text).values()
            for pattern in target_files(section)
        ]
        if not patterns:
            return {}
        pid = int((container.raw.get("State") or {}).get("Pid") or 0)
        if self._reader.shares_host and is_process_of(pid, container.id):
            return _looked_at(pid, patterns)
        return self._archived(container, patterns)

    def _archived(self, container: Container, patterns: list[str]) -> dict[str, TargetFile]:
        """Whether Prometheus may read them is not told by an archive: taken for granted."""
        found: dict[str, TargetFile] = {}
        for folder in sorted({posixpath.dirname(pattern) for pattern in patterns}):
            try:
                raw = self._reader.bytes(f"/containers/{container.id}/archive", {"path": folder})
            except NotFound:
                continue
            with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
                for member in archive:
                    path = posixpath.join(posixpath.dirname(folder), member.name)
                    if member.isreg() and member.size <= LARGEST and _is_meant(path, patterns) and len(found) < _MOST:
                        file = archive.extractfile(member)
                        content = file.read() if file is not None else b""
                        found[path] = TargetFile(text=content.decode(errors="replace"))
        return found


def _looked_at(pid: int, patterns: list[str]) -> dict[str, TargetFile]:
    found: dict[str, TargetFile] = {}
    try:
        for folder in sorted({posixpath.dirname(pattern) for pattern in patterns}):
            for name in names_in(pid, folder):
                path = posixpath.join(folder, name)
                content = file_of(pid, path) if _is_meant(path, patterns) and len(found) < _MOST else None
                if content is not None:
                    text = content.decode(errors="replace")
                    found[path] = TargetFile(text=text, is_readable=_may_read(pid, path))
    except (OSError, ValueError) as error:
        raise MonopsError(
            f"cannot look at the files of targets: {error}", remedy="run monops as root on the engine's host"
        ) from error
    return found


def _is_meant(path: str, patterns: list[str]) -> bool:
    """Only the last part of a pattern may have a `*`. Source: prometheus/prometheus, discovery/file/file.go."""
    folder, name = posixpath.split(path)
    return any(posixpath.dirname(one) == folder and fnmatchcase(name, posixpath.basename(one)) for one in patterns)


def _may_read(pid: int, path: str) -> bool:
    """Whether the process may, by the modes of the file and of the folders above it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    told = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    if int(told["CapEff"][0], 16) & _READS_ALL:
        return True
    # The fourth is the one by which files are opened.
    user, groups = int(told["Uid"][3]), {int(one) for one in (told["Gid"][3], *told.get("Groups", ()))}
    whole, wanted = f"/proc/{pid}/root", [*path.strip("/").split("/")]
    for depth, part in enumerate(wanted, start=1):
        whole = f"{whole}/{part}"
        status = os.stat(whole)
        bit = stat.S_IROTH if depth == len(wanted) else stat.S_IXOTH
        shift = 6 if status.st_uid == user else 3 if status.st_gid in groups else 0
        if not status.st_mode & bit << shift:
            return False
    return True
