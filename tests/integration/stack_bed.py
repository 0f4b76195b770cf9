"""A stack that `monops init` writes and `monops stack` drives, under a name and on ports of its own."""

from __future__ import annotations

import difflib
import json
import os
import pty
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.shipped import free_ports
from tests.integration.support import MONOPS, PATIENCE, Monops, Ran, docker

from monops.stack.options import SAMPLE_IMAGES, SERVICES

_PUBLISHED = ("prometheus", "grafana", "alertmanager", "cadvisor", "node-exporter", "sample-app")


@dataclass
class Bed:
    """A folder to run `monops init` in, and what comes of it."""

    root: Path
    name: str = field(default_factory=lambda: f"mt{secrets.token_hex(4)}")
    ports: dict[str, int] = field(
        default_factory=lambda: dict(zip(_PUBLISHED, free_ports(len(_PUBLISHED)), strict=True))
    )

    @property
    def folder(self) -> Path:
        return self.root / "monitoring"

    @property
    def monops(self) -> Monops:
        return Monops(self.root)

    @property
    def choices(self) -> list[str]:
        """What keeps this stack apart from every other."""
        ports = [word for service, port in self.ports.items() for word in ("--port", f"{service}={port}")]
        return ["--name", self.name, "--prefix", self.name, *ports]

    def init(self, *choices: str, only: Sequence[str] = ()) -> Ran:
        """The files; of the services all, or `only` these."""
        left_out = [name for name in SERVICES if only and name not in only]
        words = [word for name in left_out for word in ("--without", name)]
        ran = self.monops.run("init", *self.choices, *words, *choices)
        assert ran.code == 0, ran
        return ran

    def stack(self, *words: str, as_json: bool = True, **environment: str) -> Ran:
        return self.monops.run("stack", *words, environment=environment, as_json=as_json)

    def up(self, *words: str) -> Ran:
        """It must come up."""
        ran = self.stack("up", *words)
        assert ran.code == 0, ran
        return ran

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    def container(self, service: str) -> str:
        return f"{self.name}-{service}"

    def inspect(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(docker("container", "inspect", self.container(service)))[0]
        return found

    def started(self) -> dict[str, str]:
        """container -> since when it runs."""
        ids = docker("ps", "-aq", *self._ours).split()
        lines = (
            docker("container", "inspect", "--format", "{{.Name}} {{.Id}} {{.State.StartedAt}}", *ids) if ids else ""
        )
        return dict(line.split(" ", 1) for line in lines.splitlines())

    def volumes(self) -> set[str]:
        return set(docker("volume", "ls", "-q", *self._ours).split())

    def run_stranger(self, service: str) -> None:
        """A container of the project whose service is in no file, as of one that was left out."""
        labels = {"com.docker.compose.project": self.name, "com.docker.compose.service": service}
        words = [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
        docker("run", "-d", "--name", self.container(service), *words, SAMPLE_IMAGES["REDIS_IMAGE"])

    @contextmanager
    def spoilt(self, path: str, text: str) -> Iterator[None]:
        """The file is this, and then what it was."""
        before = (self.folder / path).read_text()
        (self.folder / path).write_text(text)
        try:
            yield
        finally:
            (self.folder / path).write_text(before)

    def clear(self) -> None:
        """Nothing is left of it on the engine."""
        for words in (("ps", "-aq"), ("network", "ls", "-q"), ("volume", "ls", "-q")):
            if found := docker(*words, *self._ours).split():
                kind = {"ps": ("rm", "-fv"), "network": ("network", "rm"), "volume": ("volume", "rm", "-f")}[words[0]]
                docker(*kind, *found)

    @property
    def _ours(self) -> tuple[str, str]:
        return ("--filter", f"label=com.docker.compose.project={self.name}")


def changed_lines(before: str, after: str) -> list[str]:
    """With their signs, as `diff` has them."""
    found = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in found if line.startswith(("- ", "+ "))]


def typing(stack: Bed, keys: str, *words: str) -> tuple[int, str]:
    """monops at a terminal: its exit code, and what it showed."""
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            [str(MONOPS), *words],
            cwd=stack.root,
            env=stack.monops.whole_environment({}),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        os.write(master, keys.encode())
        shown = b""
        while True:
            try:
                part = os.read(master, 4096)
            except OSError:  # the other side is closed
                part = b""
            if not part:
                return process.wait(PATIENCE), shown.decode()
            shown += part
    finally:
        os.close(master)


@contextmanager
def bed(root: Path) -> Iterator[Bed]:
    root.mkdir(parents=True, exist_ok=True)
    made = Bed(root)
    try:
        yield made
    finally:
        made.clear()
