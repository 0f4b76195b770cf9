"""A throwaway Alertmanager beside the real one: the same image, user, network and files, another configuration.

Source: Docker Engine API v1.41 and later (docs.docker.com/reference/api/engine); `amtool --help`.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from monops.domain.errors import MonopsError, ServiceError
from monops.domain.ports import Container, Machine
from monops.edges.docker_client import DockerClient, not_found
from monops.edges.docker_engine import LABEL
from monops.edges.lint_tools import FOLDER, packed

_CONFIG = "alertmanager.yml"
#: Seconds that it may take to answer.
_STARTS_WITHIN = 60.0


class DockerTrials(DockerClient):
    """Made on the engine."""

    def __init__(self, environment: Mapping[str, str], machine: Machine) -> None:
        super().__init__(environment)
        self._machine = machine

    @contextmanager
    def open(self, beside: Container, config: str) -> Iterator[DockerTrial]:
        port = 20000 + secrets.randbelow(10000)
        kept = [word for word in beside.command if word.startswith(("--web.external-url=", "--enable-feature="))]
        words = [
            f"--config.file={FOLDER}/{_CONFIG}",
            "--storage.path=/tmp/alertmanager",
            "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.route-prefix=/",
            "--log.level=debug",
            *kept,
        ]
        with self._on_container(f"try a receiver beside {beside.name}"):
            api = self._api()
            made = api.create_container(
                beside.image_id,
                words,
                user=beside.user or None,
                # Its addresses, its name server, its way out, and its secrets.
                host_config=api.create_host_config(
                    network_mode=f"container:{beside.id}",
                    volumes_from=[f"{beside.id}:ro"],
                    tmpfs={"/tmp": ""},  # noqa: S108 - in a container of its own
                ),
                labels={LABEL: json.dumps(dict(self._machine.identity()))},
                healthcheck={"test": ["NONE"]},
            )["Id"]
        try:
            trial = DockerTrial(self, made, f"http://127.0.0.1:{port}")
            with self._on_container("start a throwaway Alertmanager"):
                api.put_archive(made, "/", packed({_CONFIG: config.encode()}))
                api.start(made)
            trial.wait()
            yield trial
        finally:
            with contextlib.suppress(MonopsError, not_found()), self._translated("remove it"):
                # Its volumes are the real one's.
                api.remove_container(made, force=True, v=False)

    def run(self, container: str, words: Sequence[str]) -> tuple[int, str]:
        """(exit code, output) of a program in it."""
        with self._on_container(f"run {words[0]}"):
            api = self._api()
            made = api.exec_create(container, list(words), stdout=True, stderr=True)["Id"]
            output = bytes(api.exec_start(made)).decode(errors="replace")
            code = api.exec_inspect(made).get("ExitCode")
        return (-1 if code is None else int(code)), output

    def logs(self, container: str) -> tuple[str, ...]:
        with self._on_container("read its log"):
            return tuple(bytes(self._api().logs(container)).decode(errors="replace").splitlines())

    def state(self, container: str) -> Mapping[str, Any]:
        with self._on_container("look at it"):
            found: Mapping[str, Any] = self._api().inspect_container(container)["State"]
            return found


class DockerTrial:
    """One that runs."""

    def __init__(self, trials: DockerTrials, container: str, url: str) -> None:
        self._trials = trials
        self._container = container
        self._url = url

    def wait(self) -> None:
        """Until it answers. Raises ServiceError with its last words."""
        deadline = time.monotonic() + _STARTS_WITHIN
        while True:
            state = self._trials.state(self._container)
            if not state.get("Running") or time.monotonic() > deadline:
                last = next(iter(self.log()[-1:]), "it said nothing")
                raise ServiceError(
                    f"an Alertmanager with this receiver alone does not start: {last}",
                    remedy="monops doctor --only alertmanager",
                )
            if self._trials.run(self._container, self._amtool("alert", "query"))[0] == 0:
                return
            time.sleep(0.1)

    def send(self, labels: Mapping[str, str], annotations: Mapping[str, str], *, ends_at: datetime) -> None:
        words = [f"{name}={value}" for name, value in labels.items()]
        said = [f"--annotation={name}={json.dumps(value)}" for name, value in annotations.items()]
        code, output = self._trials.run(
            self._container, self._amtool("alert", "add", *words, *said, f"--end={ends_at.isoformat()}")
        )
        if code != 0:
            raise ServiceError(
                f"the throwaway Alertmanager takes no alert: {output.strip()[:200]}", remedy="monops alerts test"
            )

    def log(self) -> tuple[str, ...]:
        return self._trials.logs(self._container)

    def _amtool(self, *words: str) -> list[str]:
        return ["amtool", f"--alertmanager.url={self._url}", *words]
