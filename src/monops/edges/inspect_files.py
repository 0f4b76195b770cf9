"""The configuration files of Prometheus and Alertmanager: as the containers have them, and as the host has them."""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import stat
import tarfile
from collections.abc import Iterable
from pathlib import Path

from monops.domain.errors import EngineError, MonopsError, NotFound
from monops.domain.ports import Container, Mount
from monops.edges.docker_reader import DockerReader
from monops.edges.inspect_members import Members
from monops.edges.inspect_process import LARGEST, file_of, is_process_of, names_in
from monops.edges.once import Once, at_once

#: service -> its configuration file, where no flag names another.
_CONFIG = {
    "prometheus": "/etc/prometheus/prometheus.yml",
    "alertmanager": "/etc/alertmanager/alertmanager.yml",
}
_RULES = "rules"
_ENDINGS = (".yml", ".yaml", ".rules", ".tmpl")


class ConfigFiles:
    """What the stack's configuration files hold."""

    def __init__(self, reader: DockerReader, members: Members, *, compose_file: str | None) -> None:
        self._reader = reader
        self._members = members
        #: The stack's own, where one is known.
        self._compose_file = compose_file
        #: `service:path` -> text, where the service is "prometheus" or "alertmanager", whatever Compose calls it.
        self.in_containers = Once(self._in_containers)

    def _in_containers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for service, texts in at_once(self._in_container, _CONFIG):
            found |= {f"{service}:{path}": text for path, text in texts.items()}
        return found

    def on_host(self) -> dict[str, str]:
        """host path -> text. Raises MonopsError where the host's files are not ours to see."""
        paths: list[str] = []
        labelled: tuple[str, ...] = ()
        with contextlib.suppress(EngineError):  # without an engine what lies beside the Compose file is there still
            if self._reader.shares_host:
                paths += [path for service in _CONFIG for path in self._mounted(service)]
                # As the labels write them: checks look them up by that, wherever monops was started.
                labelled = tuple(path for path in self._members.labelled()[0] if path.startswith("/"))
        paths += labelled
        if self._compose_file is not None:
            folder = os.path.realpath(Path(self._compose_file).parent)
            named = [f"{folder}/{posixpath.basename(path)}" for path in _CONFIG.values()]
            own = os.path.realpath(self._compose_file)
            is_labelled = own in map(os.path.realpath, labelled)
            paths += [*(() if is_labelled else (own,)), *named, *_below(f"{folder}/{_RULES}")]
        if not paths:
            raise EngineError(
                "the stack's files cannot be seen from here",
                remedy="run monops on the engine's host, in the folder of the Compose file",
            )
        texts = {path: _text_of(path) for path in dict.fromkeys(paths)}
        return {path: text for path, text in texts.items() if text is not None}

    # --- in a container ----------------------------------------------------------------------------

    def _in_container(self, service: str) -> tuple[str, dict[str, str]]:
        container = self._members.of(service, self._members.containers())
        if container is None:
            return service, {}
        paths = config_paths(service, container)
        rules = _rules_beside(service, paths[0])
        pid = int((container.raw.get("State") or {}).get("Pid") or 0)
        if self._reader.shares_host and is_process_of(pid, container.id):
            # Thirty times faster than an archive, for which the engine starts a process.
            with contextlib.suppress(OSError, ValueError):
                names = names_in(pid, rules) if rules else ()
                below = [posixpath.join(rules, name) for name in names if name.endswith(_ENDINGS)]
                read = {path: file_of(pid, path) for path in dict.fromkeys((*paths, *below))}
                return service, _decoded(read)
        read = {}
        for path in filter(None, (*paths, rules)):
            read |= self._archived(container, path)
        return service, _decoded(read)

    def _archived(self, container: Container, path: str) -> dict[str, bytes | None]:
        try:
            raw = self._reader.bytes(f"/containers/{container.id}/archive", {"path": path})
        except NotFound:
            return {}
        found: dict[str, bytes | None] = {}
        above = posixpath.dirname(path)
        with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
            for member in archive:
                is_wanted = member.isreg() and member.size <= LARGEST
                if is_wanted and (posixpath.join(above, member.name) == path or member.name.endswith(_ENDINGS)):
                    file = archive.extractfile(member)
                    found[posixpath.join(above, member.name)] = file.read() if file is not None else None
        return found

    # --- on the host -------------------------------------------------------------------------------

    def _mounted(self, service: str) -> list[str]:
        """The host paths of what the container has."""
        container = self._members.of(service, self._members.containers())
        if container is None:
            return []
        paths = config_paths(service, container)
        found = [_on_host(container.mounts, path) for path in paths]
        inside = _rules_beside(service, paths[0])
        rules = _on_host(container.mounts, inside) if inside else None
        return [path for path in (*found, *(_below(rules) if rules else ())) if path]


def config_paths(service: str, container: Container) -> tuple[str, ...]:
    """In the container: the configuration file first, then other files that are mounted one by one beside it."""
    named = _CONFIG[service]
    words = container.command
    for index, word in enumerate(words):
        flag, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and flag == "config.file":
            named = value if equals else next(iter(words[index + 1 : index + 2]), named)
    path = posixpath.normpath(posixpath.join(container.working_dir or "/", named))
    folder = posixpath.dirname(path) + "/"
    single = (m.destination for m in container.mounts if m.destination.startswith(folder))
    return tuple(dict.fromkeys((path, *(found for found in single if found.endswith(_ENDINGS)))))


def _rules_beside(service: str, config: str) -> str:
    return posixpath.join(posixpath.dirname(config), _RULES) if service == "prometheus" else ""


def _on_host(mounts: Iterable[Mount], path: str) -> str | None:
    fitting = [m for m in mounts if f"{path}/".startswith(posixpath.normpath(m.destination).rstrip("/") + "/")]
    mount = max(fitting, key=lambda one: len(one.destination), default=None)
    if mount is None or not mount.source.startswith("/"):
        return None
    inside = posixpath.relpath(path, mount.destination)
    return posixpath.normpath(posixpath.join(mount.source, inside))


def _below(folder: str) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in sorted(os.listdir(folder)) if name.endswith(_ENDINGS)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(folder, error) from error


def _text_of(path: str) -> str | None:
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            return None
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> MonopsError:
    return MonopsError(f"cannot read {path}: {error.strerror}", remedy=f"ls -ld {path}; or run monops as root")


def _decoded(read: dict[str, bytes | None]) -> dict[str, str]:
    return {path: data.decode("utf-8", errors="replace") for path, data in read.items() if data is not None}
