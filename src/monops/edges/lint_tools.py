"""promtool and amtool, as the servers' own images have them.

Source: Docker Engine API v1.41 and later (docs.docker.com/reference/api/engine).
"""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import tarfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from monops.domain.errors import EngineError, MonopsError
from monops.domain.ports import Container, Helper, Machine
from monops.edges.docker_client import DockerClient, not_found
from monops.edges.docker_engine import LABEL

#: Where a throwaway container has the files.
FOLDER = "/monops-lint"
_DEFAULT = {
    "prometheus": "/etc/prometheus/prometheus.yml",
    "alertmanager": "/etc/alertmanager/alertmanager.yml",
}


class ContainerTools(DockerClient):
    """The tools in the containers of the stack, and in copies of them."""

    def __init__(
        self, environment: Mapping[str, str], machine: Machine, container_of: Callable[[str], Container]
    ) -> None:
        super().__init__(environment)
        self._machine = machine
        self._container_of = container_of
        self._lock = threading.Lock()

    def config_path(self, service: str) -> str:
        words = self._container(service).command
        for word, following in zip(words, [*words[1:], ""], strict=True):
            name, equals, value = word.partition("=")
            if name.lstrip("-") == "config.file":
                return value if equals else following
        return _DEFAULT[service]

    def inside(self, service: str, words: Sequence[str]) -> Helper:
        found = self._container(service)
        with self._on_container(f"run {words[0]} in {found.name}"):
            api = self._connected()
            made = api.exec_create(found.id, list(words), stdout=True, stderr=True)["Id"]
            output = _in_order(api.exec_start(made, demux=True))
            code = api.exec_inspect(made).get("ExitCode")
        return self._told(words, found, Helper(exit_code=-1 if code is None else int(code), output=output))

    def apart(self, service: str, files: Mapping[str, bytes], words: Sequence[str]) -> Helper:
        found = self._container(service)
        with self._on_container(f"run {words[0]} of {found.image}"):
            api = self._connected()
            made = api.create_container(
                found.image_id,
                list(words[1:]),
                entrypoint=[words[0]],
                host_config=api.create_host_config(network_mode="none"),
                labels={LABEL: json.dumps(dict(self._machine.identity()))},
                healthcheck={"test": ["NONE"]},
                working_dir=FOLDER,
                tty=False,
            )["Id"]
            try:
                api.put_archive(made, "/", packed(files))
                api.start(made)
                code = int(api.wait(made, timeout=60)["StatusCode"])
                output = _in_order([api.logs(made, stdout=out, stderr=not out) for out in (True, False)])
            finally:
                with contextlib.suppress(MonopsError, not_found()):
                    api.remove_container(made, force=True, v=True)
        return self._told(words, found, Helper(exit_code=code, output=output))

    def _container(self, service: str) -> Container:
        with self._lock:
            found = self._container_of(service)
        if found.state != "running":
            raise EngineError(f"{found.name} is {found.state}", remedy=f"docker start {found.name}")
        return found

    def _connected(self) -> Any:
        with self._lock:
            return self._api()

    def _told(self, words: Sequence[str], found: Container, helper: Helper) -> Helper:
        if helper.exit_code in (126, 127):
            raise EngineError(
                f"{found.image} has no {words[0]}: {helper.output.strip()[:200]}",
                remedy=f"docker exec {found.name} {shlex.join(words)}",
            )
        return helper


def _in_order(streams: Iterable[bytes | None]) -> str:
    """What is checked, on one stream, before what is wrong, on the other: the engine mixes them as they arrive."""
    return "".join(bytes(one or b"").decode(errors="replace") for one in streams)


def packed(files: Mapping[str, bytes]) -> bytes:
    """A tar of the folder, for all to read: the tools run as nobody."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folders = {FOLDER.strip("/")}
        for name in files:
            parts = f"{FOLDER.strip('/')}/{name}".split("/")[:-1]
            folders.update("/".join(parts[: count + 1]) for count in range(len(parts)))
        for folder in sorted(folders):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name, data in files.items():
            entry = tarfile.TarInfo(f"{FOLDER.strip('/')}/{name}")
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
